/** Where an authorization response may be sent (RFC 8252, OAuth 2.1 draft §2.3). Pure. */
import * as Result from "effect/Result"

/** What kind of place a redirect URI is, for people to judge. */
export type RedirectKind =
  | { readonly _tag: "Web"; readonly host: string }
  /** A program on the person's own computer. */
  | { readonly _tag: "Loopback"; readonly host: string }
  /** An app that has registered a scheme of its own. */
  | { readonly _tag: "PrivateUse"; readonly scheme: string }

const LOOPBACKS = new Set(["localhost", "127.0.0.1", "[::1]"])

/** Schemes that run code, read files or reach into other programs when a browser follows them. */
const DANGEROUS = new Set([
  "about:",
  "blob:",
  "chrome:",
  "chrome-untrusted:",
  "content:",
  "data:",
  "file:",
  "filesystem:",
  "ftp:",
  "hcp:",
  "intent:",
  "jar:",
  "javascript:",
  "ldap:",
  "mailto:",
  "mhtml:",
  "ms-appx:",
  "ms-appx-web:",
  "ms-its:",
  "ms-msdt:",
  "ms-officecmd:",
  "nfs:",
  "res:",
  "resource:",
  "search-ms:",
  "search:",
  "shell:",
  "smb:",
  "sms:",
  "ssh:",
  "tel:",
  "telnet:",
  "urn:",
  "vbscript:",
  "view-source:",
  "ws:",
  "wss:"
])

/** Other names and addresses of the computer that the browser runs on. */
const isSelf = (hostname: string): boolean =>
  /^(?:127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::\]|\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]|(?:.+\.)?localhost\.?)$/iu.test(
    hostname
  )

const MAX_LENGTH = 2048

/** Characters that parsers disagree about: controls, spaces, backslashes, anything outside ASCII. */
const AMBIGUOUS = /[^\u0021-\u007e]|[\\"<>^`{|}]/u

const hasDotSegment = (uri: string): boolean =>
  (uri.split(/[?#]/u)[0] ?? "").split("/").some((segment) => /^(?:\.|%2e){1,2}$/iu.test(segment))

/** What a redirect URI is; or why it cannot be one. */
export const inspect = (uri: string): Result.Result<RedirectKind, string> => {
  if (uri.length > MAX_LENGTH) return Result.fail(`it is longer than ${MAX_LENGTH} characters`)
  if (AMBIGUOUS.test(uri)) return Result.fail("it holds characters that a URI must not hold")
  if (!URL.canParse(uri)) return Result.fail("it is not an absolute URI")
  const url = new URL(uri)
  if (uri.includes("#")) return Result.fail("it must not have a fragment")
  if (hasDotSegment(uri)) return Result.fail("its path must not hold . or .. segments")
  if (url.username !== "" || url.password !== "" || /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/iu.test(uri)) {
    return Result.fail("it must not hold a user name or password")
  }
  if (url.protocol === "https:" || url.protocol === "http:") {
    if (!/^https?:\/\/[^/?#]/iu.test(uri)) return Result.fail("it must begin with https:// or http:// and a host")
    if (LOOPBACKS.has(url.hostname)) return Result.succeed({ _tag: "Loopback", host: url.host })
    if (isSelf(url.hostname)) return Result.fail("this computer is called localhost, 127.0.0.1 or [::1]")
    return url.protocol === "https:"
      ? Result.succeed({ _tag: "Web", host: url.host })
      : Result.fail("http:// is for localhost, 127.0.0.1 and [::1] only; others need https://")
  }
  if (DANGEROUS.has(url.protocol)) return Result.fail(`the scheme ${url.protocol} is not allowed`)
  return Result.succeed({ _tag: "PrivateUse", scheme: url.protocol.slice(0, -1) })
}

const ORIGIN = /^(https?:\/\/(?:\[[^\]]*\]|[^:/?#]+))(?::\d+)?(?=[/?]|$)/iu

/** A loopback URI without its port, everything else as written; undefined for all others. */
const withoutPort = (uri: string): string | undefined => {
  const kind = inspect(uri)
  if (Result.isFailure(kind) || kind.success._tag !== "Loopback") return undefined
  return uri.replace(ORIGIN, "$1")
}

/** Is a presented URI one of those registered? To the byte; but a loopback port is chosen anew at every start (RFC 8252 §7.3). */
export const isRegistered = (registered: ReadonlyArray<string>, presented: string): boolean => {
  if (Result.isFailure(inspect(presented))) return false
  if (registered.includes(presented)) return true
  const portless = withoutPort(presented)
  return portless !== undefined && registered.some((uri) => withoutPort(uri) === portless)
}
