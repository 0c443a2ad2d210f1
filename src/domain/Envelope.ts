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

/** What the protocol itself knows that a client may declare; each is an object. */
const DECLARED = ["elicitation", "experimental", "extensions", "roots", "sampling"]

const isText = (value: unknown): value is string => typeof value === "string"

const readClient = (info: unknown): Envelope["client"] | undefined => {
  if (info === undefined) return { name: "unnamed client" }
  const { name, version } = Predicate.isReadonlyObject(info) ? info : {}
  return isText(name) && isText(version) ? { name, version } : undefined
}

/** Reads it; a text says what is wrong. */
export const read = (meta: unknown): Envelope | string => {
  const { [META.protocolVersion]: revision, [META.clientCapabilities]: capabilities } = asObject(meta)
  const { [META.clientInfo]: info, [META.logLevel]: logLevel } = asObject(meta)
  if (!isText(revision)) return `params._meta["${META.protocolVersion}"] must be a string`
  if (!Predicate.isReadonlyObject(capabilities)) return `params._meta["${META.clientCapabilities}"] must be an object`
  const odd = DECLARED.find((key) => capabilities[key] !== undefined && !Predicate.isReadonlyObject(capabilities[key]))
  if (odd !== undefined) return `params._meta["${META.clientCapabilities}"].${odd} must be an object`
  const client = readClient(info)
  if (client === undefined) return `params._meta["${META.clientInfo}"] must have a name and a version`
  if (logLevel !== undefined && !isLogLevel(logLevel)) return `params._meta["${META.logLevel}"] is no log level`
  return { revision, capabilities, client, logLevel }
}

const asObject = (meta: unknown): Readonly<Record<string, unknown>> => (Predicate.isReadonlyObject(meta) ? meta : {})

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
