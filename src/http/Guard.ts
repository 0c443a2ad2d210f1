/**
 * Which Host and Origin a request may bear: the defence against DNS rebinding (basic/transports, §Security Warning).
 * Pure.
 */
import { isIP } from "node:net"

export interface GuardOptions {
  /** The address that is listened on. */
  readonly host: string
  readonly baseUrl: string
  readonly allowedHosts: ReadonlyArray<string>
  readonly allowedOrigins: ReadonlyArray<string>
}

export type Verdict = { readonly _tag: "Allowed" } | { readonly _tag: "Refused"; readonly reason: string }

const allowed: Verdict = { _tag: "Allowed" }
const refused = (reason: string): Verdict => ({ _tag: "Refused", reason })

/** `example.com:8080` → `example.com`; `[::1]:80` → `::1`. */
const nameOf = (authority: string): string => {
  const bracketed = /^\[([^\]]+)\](?::\d*)?$/u.exec(authority)
  return (bracketed?.[1] ?? authority.replace(/:\d*$/u, "")).toLowerCase()
}

/** Is this the name or address of this very machine's loopback interface? */
export const isLoopback = (name: string): boolean => {
  const host = name.replace(/^\[|\]$/gu, "").toLowerCase()
  return host === "localhost" || host === "::1" || host === "::ffff:127.0.0.1" || /^127(\.\d{1,3}){3}$/u.test(host)
}

const isAllowedHost = (host: string, options: GuardOptions): boolean => {
  const name = nameOf(host)
  if (isLoopback(name) || name === nameOf(new URL(options.baseUrl).host)) return true
  // A name can be rebound to another address; an address cannot. Whoever listens to the network is called by addresses.
  if (isIP(name) !== 0 && !isLoopback(options.host)) return true
  return options.allowedHosts.some(
    (other) => other === "*" || other.toLowerCase() === host.toLowerCase() || nameOf(other) === name
  )
}

const isAllowedOrigin = (origin: string, options: GuardOptions): boolean => {
  if (
    options.allowedOrigins.some(
      (other) => other === "*" || other.replace(/\/$/u, "").toLowerCase() === origin.toLowerCase()
    )
  )
    return true
  if (!URL.canParse(origin)) return false
  const url = new URL(origin)
  const base = new URL(options.baseUrl)
  if (url.origin === base.origin) return true
  // Pages of this machine (MCP Inspector is one) may call a proxy that is called by this machine only.
  const isLocal = isLoopback(options.host) || isLoopback(base.hostname)
  return isLocal && /^https?:$/u.test(url.protocol) && isLoopback(url.hostname)
}

/** May a request with these headers be served? */
export const check = (host: string | undefined, origin: string | undefined, options: GuardOptions): Verdict => {
  if (host === undefined || host === "") return refused("The request has no Host header")
  if (!isAllowedHost(host, options)) {
    return refused(`Host ${JSON.stringify(host)} is not served here. Set MCP_ALLOWED_HOSTS if it should be`)
  }
  if (origin !== undefined && !isAllowedOrigin(origin, options)) {
    return refused(`Origin ${JSON.stringify(origin)} may not call here. Set MCP_ALLOWED_ORIGINS if it may`)
  }
  return allowed
}
