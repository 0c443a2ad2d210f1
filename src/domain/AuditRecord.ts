/** One line of the audit trail: who did what, when, and what came of it. */
import * as Schema from "effect/Schema"
import type { Principal } from "./Principal.ts"
import { rememberingOf } from "./Remembering.ts"

/**
 * `call`: a request of an MCP client's. `refusal`: one that the policy, or the door, turned down. `gap`: records were lost;
 * `lost` says how many, `time` and `millis` when.
 */
export const KINDS = [
  "call",
  "refusal",
  "sign-in",
  "consent",
  "registration",
  "refresh",
  "revocation",
  "policy",
  "configuration",
  "gap"
] as const
export type Kind = (typeof KINDS)[number]

/** What came of it. Failures of the gateway's own get theirs in domain/Errors. */
export const OUTCOMES = [
  "ok",
  /** The tool ran, and says that it failed (`isError`). */
  "tool-error",
  /** The server, or whoever was asked, answered with an error. */
  "error",
  /** Not allowed. */
  "denied",
  "not-found",
  /** Not what the method takes. */
  "invalid",
  /** A bound was reached. */
  "limited",
  "cancelled",
  /** The server is down; it was not reached. */
  "unavailable",
  /** The server did not take it. */
  "refused",
  /** The connection broke during the call; whether it was acted on is not known. */
  "unknown",
  "timeout",
  /** The server's answer was none. */
  "bad-answer",
  /** A fault of the proxy's. */
  "internal"
] as const
export type Outcome = (typeof OUTCOMES)[number]

const text = Schema.optional(Schema.String)
const number = Schema.optional(Schema.Finite)

/** Whom a record is about. */
export const Who = Schema.Struct({
  subject: Schema.String,
  /** What logs and pages call them. */
  name: text,
  email: text
})
export type Who = typeof Who.Type

/** A principal as records name it: of one principal always the same object. */
export const whoOf = rememberingOf(({ displayName, email, subject }: Principal): Who => ({
  subject,
  name: displayName,
  email
}))

/** The program through which they did it. Name and version are what it says of itself. */
export const Client = Schema.Struct({
  /** As registered, or the URL of its metadata. */
  id: text,
  name: text,
  version: text
})
export type Client = typeof Client.Type

export const AuditRecord = Schema.Struct({
  /** When it began; epoch milliseconds. */
  time: Schema.Finite,
  kind: Schema.Literals(KINDS),
  outcome: Schema.Literals(OUTCOMES),
  principal: Schema.optional(Who),
  client: Schema.optional(Client),
  /** The random key of the MCP session; it opens nothing. */
  session: text,
  /** The server's key in the configuration. */
  server: text,
  method: text,
  /** What was asked for, under the name that clients see: a tool, a prompt, the URI of a resource. */
  target: text,
  /** The JSON-RPC or HTTP code of the failure. */
  code: number,
  /** How long it took. */
  millis: number,
  bytesIn: number,
  bytesOut: number,
  /** The client's own id of the request, unique within its session. */
  request: Schema.optional(Schema.Union([Schema.String, Schema.Finite])),
  /** Arguments, masked; only where they are asked for. */
  arguments: Schema.optional(Schema.Unknown),
  detail: text,
  /** Of a gap: how many records there should be here. */
  lost: number
})
export type AuditRecord = typeof AuditRecord.Type

/** Something to record; without a time it is happening now. */
export type AuditEvent = Omit<AuditRecord, "time"> & { readonly time?: number | undefined }
