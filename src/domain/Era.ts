/** provisional */
import * as Predicate from "effect/Predicate"
import type * as ClientMessage from "./ClientMessage.ts"
import * as Envelope from "./Envelope.ts"
import { CODE, HEADER, isModernRevision, META, MODERN_REVISIONS } from "./Protocol.ts"

export type Classified =
  | { readonly _tag: "Legacy" }
  | { readonly _tag: "Modern"; readonly envelope: Envelope.Envelope }
  | {
      readonly _tag: "Refused"
      readonly status: number
      readonly code: number
      readonly message: string
      readonly data?: unknown
    }

const refuse = (code: number, message: string, data?: unknown): Classified => ({
  _tag: "Refused",
  status: 400,
  code,
  message,
  data
})

export const classify = (
  headers: Readonly<Record<string, string | undefined>>,
  body: ClientMessage.Body
): Classified => {
  if (body._tag !== "Request") return { _tag: "Legacy" }
  const meta = body.params?.values["_meta"]
  const claim = Predicate.isReadonlyObject(meta) ? meta[META.protocolVersion] : undefined
  const version = headers[HEADER.protocolVersion]?.trim()
  if (claim === undefined) {
    if (version !== undefined && isModernRevision(version)) {
      return body.method === "initialize"
        ? refuse(CODE.headerMismatch, "initialize is legacy")
        : refuse(CODE.invalidParams, "no envelope")
    }
    return { _tag: "Legacy" }
  }
  const envelope = Envelope.read(meta)
  if (typeof envelope === "string") return refuse(CODE.invalidParams, envelope)
  if (version !== undefined && version !== envelope.revision) return refuse(CODE.headerMismatch, "version")
  if (!isModernRevision(envelope.revision))
    return refuse(CODE.unsupportedVersion, "Unsupported protocol version", {
      supported: MODERN_REVISIONS,
      requested: envelope.revision
    })
  if (version === undefined) return refuse(CODE.headerMismatch, "version missing")
  if (headers[HEADER.method]?.trim() !== body.method) return refuse(CODE.headerMismatch, "method")
  return { _tag: "Modern", envelope }
}
