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

type Is = (value: unknown) => boolean

const isText = (value: unknown): value is string => typeof value === "string"
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => Predicate.isReadonlyObject(value)
const listOf =
  (is: Is): Is =>
  (value) =>
    Array.isArray(value) && value.every(is)
const eachOf =
  (is: Is): Is =>
  (value) =>
    isObject(value) && Object.values(value).every(is)
const optional =
  (is: Is): Is =>
  (value) =>
    value === undefined || is(value)

/** Objects of these members, and any others. */
const object = (members: Readonly<Record<string, Is>>): Is => {
  const known = Object.entries(members)
  return (value) => isObject(value) && known.every(([name, is]) => is(value[name]))
}

/** The capabilities that the protocol itself knows; a client may declare others. */
const CAPABILITIES = Object.entries({
  elicitation: object({
    form: optional(object({ applyDefaults: optional(Predicate.isBoolean) })),
    url: optional(isObject)
  }),
  experimental: eachOf(isObject),
  extensions: eachOf(isObject),
  roots: object({ listChanged: optional(Predicate.isBoolean) }),
  sampling: object({ context: optional(isObject), tools: optional(isObject) })
})

const isIcon = object({
  src: isText,
  mimeType: optional(isText),
  sizes: optional(listOf(isText)),
  theme: optional((theme) => theme === "light" || theme === "dark")
})

interface Implementation {
  readonly name: string
  readonly version: string
}

const hasShapeOfImplementation = object({
  name: isText,
  version: isText,
  title: optional(isText),
  description: optional(isText),
  websiteUrl: optional(isText),
  icons: optional(listOf(isIcon))
})
const isImplementation = (value: unknown): value is Implementation => hasShapeOfImplementation(value)

/** A text or an integer (basic/patterns/progress). */
const isToken: Is = (value) => isText(value) || Number.isSafeInteger(value)

const clientOf = (info: Implementation | undefined): Envelope["client"] =>
  info === undefined ? { name: "unnamed client" } : { name: info.name, version: info.version }

/** Reads it; a text says what is wrong. */
export const read = (meta: unknown): Envelope | string => {
  const own: Readonly<Record<string, unknown>> = isObject(meta) ? meta : {}
  const { [META.protocolVersion]: revision, [META.clientCapabilities]: capabilities } = own
  const { [META.clientInfo]: info, [META.logLevel]: logLevel, progressToken } = own
  if (!isText(revision)) return `params._meta["${META.protocolVersion}"] must be a string`
  if (!isObject(capabilities)) return `params._meta["${META.clientCapabilities}"] must be an object`
  const odd = CAPABILITIES.find(([name, is]) => capabilities[name] !== undefined && !is(capabilities[name]))
  if (odd !== undefined) return `params._meta["${META.clientCapabilities}"].${odd[0]} is malformed`
  if (info !== undefined && !isImplementation(info)) {
    return `params._meta["${META.clientInfo}"] must have a name and a version, and nothing malformed`
  }
  if (logLevel !== undefined && !isLogLevel(logLevel)) return `params._meta["${META.logLevel}"] is no log level`
  if (progressToken !== undefined && !isToken(progressToken)) {
    return "params._meta.progressToken must be a string or an integer"
  }
  return { revision, capabilities, client: clientOf(info), logLevel }
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
  // Undefined is not written: then there is none, whatever the others say.
  [META.logLevel]: logLevel
})
