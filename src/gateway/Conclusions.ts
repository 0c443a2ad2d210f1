/** How calls end: a server's answer, a result of ours, or a failure, in the words of the client's era. */
import { type ProxyError, verdict } from "../domain/Errors.ts"
import { isAnonymous } from "../domain/Principal.ts"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import { CODE, type Era } from "../domain/Protocol.ts"
import * as Rewrite from "../domain/Rewrite.ts"
import type { Entry } from "../domain/View.ts"
import * as LegacyShapes from "../domain/LegacyShapes.ts"
import * as Translate from "../domain/Translate.ts"
import { SELF } from "../observability/Version.ts"
import type { Answered } from "../upstream/Upstream.ts"
import * as Answers from "./Answers.ts"
import type { Conclusion, Exchange, Rename } from "./Exchange.ts"

/** A result of our own, given as JSON. */
export const result = (body: Pieces.Parts): Conclusion => ({
  under: (id) => Answers.result(id, body),
  status: 200
})

/** An error of our own. */
export const failure = (
  era: Era,
  error: { readonly code: number; readonly message: string; readonly data?: unknown }
): Conclusion => {
  // Modern clients know no code of its own for a resource that is not there (2026-07-28, server/resources).
  const code = era === "modern" && error.code === CODE.resourceNotFound ? CODE.invalidParams : error.code
  return {
    under: (id) => [Answers.failure(id, { ...error, code })],
    status: era === "modern" ? Translate.httpStatus(code) : 200
  }
}

/** What a failure of the gateway's is to its client. */
export const proxyError = (era: Era, error: ProxyError): Conclusion => failure(era, verdict(error))

const translated = (
  { era, request, requester }: Exchange,
  answered: Answered,
  tool: Entry | undefined
): ReadonlyArray<Json.Edit> => {
  if (era === answered.era) {
    if (era === "legacy") return []
    // Who has signed in may be shown what others may not.
    const isShared = request.method !== "resources/read" || isAnonymous(requester.caller.principal)
    return [...Translate.toComplete(answered.frame), ...(isShared ? [] : Translate.toPrivate(answered.frame))]
  }
  return era === "modern"
    ? Translate.toModern(answered.frame, request.method, SELF)
    : Translate.toLegacy(answered.frame, request.method, tool !== undefined && LegacyShapes.wraps(tool.bytes))
}

/** A server's answer: its bytes, the id the client's, the URIs in it public, and what the eras differ in translated, and `more`. */
export const forwarded = (
  exchange: Exchange,
  answered: Answered,
  {
    more = [],
    rename,
    tool
  }: { readonly rename: Rename; readonly tool?: Entry | undefined; readonly more?: ReadonlyArray<Json.Edit> }
): Conclusion => {
  const { frame } = answered
  const uris = rename === undefined ? [] : Rewrite.resultEdits(frame, rename)
  const others = [...more, ...uris, ...translated(exchange, answered, tool)]
  const code = exchange.era === "modern" ? Frame.errorCode(frame) : undefined
  return {
    under: (id) => {
      const ids = frame.ids.map((span) => ({ span, by: id }))
      const edits = others.length === 0 ? ids : [...ids, ...others].sort((a, b) => a.span.start - b.span.start)
      return Pieces.gather(Json.splice(frame.bytes, edits))
    },
    status: code === undefined ? 200 : Translate.httpStatus(code)
  }
}
