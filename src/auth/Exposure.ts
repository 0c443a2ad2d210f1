/** May the proxy run as it is set up? Without sign-in it serves this machine only. Pure. */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Setting from "../settings/Setting.ts"
import type { Values } from "../settings/Settings.ts"

export const settings = {
  provider: Setting.choice({
    name: "MCP_AUTH_PROVIDER",
    description: "Who signs people in. Today only none: no sign-in, for this machine only.",
    fallback: "",
    choices: ["google", "none"]
  }),
  disabled: Setting.flag({
    name: "MCP_DISABLE_AUTH",
    description: "The same as MCP_AUTH_PROVIDER=none."
  }),
  allowInsecure: Setting.flag({
    name: "MCP_ALLOW_INSECURE",
    description:
      "Let a proxy without sign-in listen on an address that others can reach. Anyone there can use every tool."
  })
}

const openWithoutSignIn = (host: string): string =>
  `MCP_HOST=${host} lets others reach a proxy that has no sign-in (MCP_AUTH_PROVIDER=none). Leave MCP_HOST unset, or, in a container or where whoever reaches it may use every tool, set MCP_ALLOW_INSECURE=true.`

/** What the choice rests on, beside the settings above. */
export interface Wanted {
  readonly host: Option.Option<string>
  readonly baseUrl: Option.Option<string>
  readonly port: number
  readonly isLoopback: (host: string) => boolean
}

export interface Exposure {
  readonly host: string
  readonly baseUrl: string
  /** To be said at every start. */
  readonly warning: string
}

const NO_SIGN_IN =
  "Sign-in with Google is not part of this version. Set MCP_AUTH_PROVIDER=none to run without sign-in, for this machine only."

/** Where to listen; or every reason why not, each naming its variables. */
export const decide = (
  values: Values<typeof settings>,
  wanted: Wanted
): Result.Result<Exposure, ReadonlyArray<string>> => {
  const provider = values.disabled ? "none" : Option.getOrElse(values.provider, () => "google")
  const host = Option.getOrElse(wanted.host, () => "127.0.0.1")
  const isOpen = !wanted.isLoopback(host)
  const problems = [
    ...(provider === "none" ? [] : [NO_SIGN_IN]),
    ...(isOpen && !values.allowInsecure ? [openWithoutSignIn(host)] : [])
  ]
  if (problems.length > 0) return Result.fail(problems)
  return Result.succeed({
    host,
    baseUrl: Option.getOrElse(wanted.baseUrl, () => `http://localhost:${wanted.port}`),
    warning: isOpen
      ? `No sign-in, and reachable on ${host}: anyone who reaches this proxy can use every tool (MCP_ALLOW_INSECURE)`
      : "No sign-in: every program on this machine can use every tool (MCP_AUTH_PROVIDER=none)"
  })
}
