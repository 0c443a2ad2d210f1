/** Results that ask instead of answering, and what comes back for them (2026-07-28, basic/patterns/mrtr). */
import * as Predicate from "effect/Predicate"
import { createHash } from "node:crypto"
import type { Request } from "../domain/ClientMessage.ts"
import * as Json from "../domain/Json.ts"
import type * as Pieces from "../domain/Pieces.ts"
import * as Translate from "../domain/Translate.ts"
import type { Answer } from "../upstream/Rpc.ts"
import * as Answers from "./Answers.ts"
import type { Question } from "./ModernExchange.ts"
import type { Requester } from "./Requester.ts"

/** The result made of `inputRequests` (each value as JSON) and a state. */
export const resultOf = (
  id: Uint8Array,
  requests: Iterable<readonly [key: string, value: Uint8Array]>,
  requestState: string
): Pieces.Pieces => {
  const pieces: Array<Uint8Array> = [Json.utf8('{"resultType":"input_required","inputRequests":{')]
  let first = true
  for (const [key, value] of requests) {
    pieces.push(Json.utf8(`${first ? "" : ","}${JSON.stringify(key)}:`), value)
    first = false
  }
  pieces.push(Json.utf8(`},"requestState":${JSON.stringify(requestState)},"_meta":${Answers.IDENTITY}}`))
  return Answers.result(id, pieces)
}

/** The questions of a legacy server. */
export const result = (id: Uint8Array, questions: ReadonlyMap<string, Question>, requestState: string): Pieces.Pieces =>
  resultOf(
    id,
    [...questions].map(([key, { frame }]) => [key, Translate.questionToInputRequest(frame)] as const),
    requestState
  )

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (!Predicate.isReadonlyObject(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])])
  )
}

/** What makes a retry the same request as the first: endpoint, method, name or URI, and arguments, however written. */
export const digest = ({ endpoint }: Requester, { method, params }: Request): string => {
  const [name, uri, given] = ["name", "uri", "arguments"].map((key) => params?.get(key))
  return createHash("sha256")
    .update(JSON.stringify([endpoint, method, name, uri, sorted(given)]))
    .digest("base64url")
}

const responsesOf = ({ params }: Request): ReadonlyArray<readonly [key: string, bytes: Uint8Array]> => {
  const bytes = params?.bytes("inputResponses")
  const members = bytes === undefined ? undefined : Json.members(bytes, 0)
  return (members ?? []).map(({ key, value }) => [key, (bytes ?? NOTHING).subarray(value.start, value.end)])
}

const NOTHING = new Uint8Array()

/** The answers that a request brings: bare results, by the keys of their questions. */
export const answers = (request: Request): ReadonlyMap<string, Uint8Array> => new Map(responsesOf(request))

/** Does it bring the word that something was not done? */
export const declined = ({ params }: Request): boolean => {
  const responses = params?.get("inputResponses")
  if (!Predicate.isReadonlyObject(responses)) return false
  return Object.values(responses).some((one) => Predicate.isReadonlyObject(one) && one["action"] !== "accept")
}

/** The request as if it came for the first time. */
export const withoutAnswers = (request: Request): Request => {
  const { params } = request
  if (params === undefined) return request
  return { ...request, params: params.without("inputResponses", "requestState") }
}

/** What a server is told whose question nobody will answer. */
export const cancelled = (method: string): Answer =>
  method === "elicitation/create"
    ? { outcome: "result", body: Json.utf8('{"action":"cancel"}') }
    : { outcome: "error", body: Json.encode({ code: 1504, message: "The client did not answer in time" }) }
