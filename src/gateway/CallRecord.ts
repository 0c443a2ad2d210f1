/** A client's request as the audit trail has it. */
import { tooLarge, MAX_ARGUMENTS } from "../access/AuditBounds.ts"
import type { AuditRecord, Outcome } from "../domain/AuditRecord.ts"
import type { Request } from "../domain/ClientMessage.ts"
import type { Principal } from "../domain/Principal.ts"
import type { ClientInfo } from "./Session.ts"

/** What came of a request. */
export interface Result {
  readonly outcome: Outcome
  readonly code?: number | undefined
  readonly server?: string | undefined
  readonly detail?: string | undefined
  readonly bytesOut: number
}

/** Who asked, and when it began and ended. */
export interface Asked {
  readonly principal: Principal
  readonly client: ClientInfo
  readonly session: string | undefined
  readonly began: number
  readonly now: number
}

const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined

/** What a request asks for, under its public name: a tool, a prompt, a resource, or what is to be completed. */
const targetOf = (request: Request): string | undefined => {
  const values = request.params?.values
  const target = values?.["name"] ?? values?.["uri"] ?? field(values?.["ref"], "name") ?? field(values?.["ref"], "uri")
  return typeof target === "string" ? target : undefined
}

const argumentsOf = ({ params }: Request): unknown => {
  const member = params?.members.find(({ key }) => key === "arguments")
  if (member === undefined) return undefined
  return member.bytes.length > MAX_ARGUMENTS ? tooLarge(member.bytes.length) : params?.values["arguments"]
}

export const callRecord = (request: Request, asked: Asked, result: Result, keepsArguments: boolean): AuditRecord => {
  const { began, client, now, principal, session } = asked
  return {
    time: began,
    kind: result.outcome === "denied" ? "refusal" : "call",
    outcome: result.outcome,
    principal: { subject: principal.subject, name: principal.displayName, email: principal.email },
    client: { id: principal.clientId, name: client.name, version: client.version },
    session,
    server: result.server,
    method: request.method,
    target: targetOf(request),
    code: result.code,
    millis: now - began,
    bytesIn: request.size,
    bytesOut: result.bytesOut,
    request: request.requestId,
    arguments: keepsArguments ? argumentsOf(request) : undefined,
    detail: result.detail
  }
}
