/** What each modern request says of itself in `params._meta` (2026-07-28, basic/index, §_meta). */
import * as Predicate from "effect/Predicate"
import { type Capabilities, isLogLevel, type LogLevel, META } from "./Protocol.ts"

export interface Envelope {
  readonly revision: string
  readonly capabilities: Capabilities
  /** For display only. */
  readonly client: { readonly name: string; readonly version?: string | undefined }
  /** Undefined: the client wants no log messages. */
  readonly logLevel: LogLevel | undefined
}

/** Reads it; a text says what is wrong. */
export const read = (meta: unknown): Envelope | string => {
  if (!Predicate.isReadonlyObject(meta)) return "params._meta must be an object"
  const { [META.protocolVersion]: revision, [META.clientCapabilities]: capabilities } = meta
  const { [META.clientInfo]: info, [META.logLevel]: level } = meta
  if (typeof revision !== "string") return `params._meta["${META.protocolVersion}"] must be a string`
  if (!Predicate.isReadonlyObject(capabilities)) return `params._meta["${META.clientCapabilities}"] must be an object`
  if (level !== undefined && !isLogLevel(level)) return `params._meta["${META.logLevel}"] is no log level`
  const { name, version } = Predicate.isReadonlyObject(info) ? info : {}
  return {
    revision,
    capabilities,
    client: {
      name: typeof name === "string" ? name : "unnamed client",
      ...(typeof version === "string" ? { version } : {})
    },
    logLevel: level
  }
}

/** The `_meta` of a request of ours, over the other members that it is to have. */
export const metaFor = (
  { capabilities, client, logLevel, revision }: Envelope,
  others: Readonly<Record<string, unknown>>
): Readonly<Record<string, unknown>> => ({
  ...others,
  [META.protocolVersion]: revision,
  [META.clientInfo]: client,
  [META.clientCapabilities]: capabilities,
  ...(logLevel === undefined ? {} : { [META.logLevel]: logLevel })
})
