/**
 * A legacy client's call of a modern server, which asks by its results: each question is put to the client as a request of
 * its own, and the call made again with the answers (2026-07-28, basic/patterns/mrtr).
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { BadAnswer, NotAnswered, type ProxyError } from "../domain/Errors.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import * as Translate from "../domain/Translate.ts"
import type { Answer, CallHandlers } from "../upstream/Rpc.ts"
import type { Answered } from "../upstream/Upstream.ts"
import { randomUUID } from "node:crypto"

/** More rounds than any server needs; one that never stops asking is stopped here. */
const MAX_ROUNDS = 16

/** A server that only wants to be asked again is given this time. */
const PAUSE = Duration.millis(250)

/** How long the client has for one round of questions. */
const ROUND_TIME = Duration.minutes(10)

/** The client's answers as the member `inputResponses`, or what it could not answer. */
const gather = (server: string, answers: ReadonlyArray<readonly [key: string, answer: Answer]>) => {
  const failed = answers.find(([, { outcome }]) => outcome === "error")
  if (failed !== undefined) {
    const message = Json.tryParse(
      failed[1].body,
      Json.at(failed[1].body, { start: 0, end: failed[1].body.length }, "message")
    )
    return Effect.fail(new NotAnswered({ server, reason: typeof message === "string" ? message : "no reason given" }))
  }
  const members = answers.flatMap(([key, { body }], index) => [
    Json.utf8(`${index === 0 ? "" : ","}${JSON.stringify(key)}:`),
    body
  ])
  return Effect.succeed(Pieces.join([Json.utf8("{"), ...members, Json.utf8("}")]))
}

/** Does the server ask in place of answering? */
export const asks = ({ era, frame }: Answered): boolean =>
  era === "modern" && Translate.resultTypeOf(frame) === "input_required"

/** Makes a call until it is answered: `first` is what came of it so far, and `call` makes it with further parameters. */
export const play = Effect.fnUntraced(function* (
  server: string,
  first: Answered,
  call: (more: Readonly<Record<string, unknown>>) => Effect.Effect<Answered, ProxyError>,
  { ask }: CallHandlers
): Effect.fn.Return<Answered, ProxyError> {
  let answered = first
  for (let round = 1; asks(answered); round++) {
    const asked = Translate.inputRequired(answered.frame)
    if (typeof asked === "string") return yield* new BadAnswer({ server, reason: asked })
    if (round > MAX_ROUNDS) {
      return yield* new BadAnswer({ server, reason: `it goes on asking after ${MAX_ROUNDS} rounds` })
    }
    if (asked.requests.length === 0) yield* Effect.sleep(PAUSE)
    const answers = yield* Effect.forEach(
      asked.requests,
      ([key, entry]) =>
        Effect.map(ask(Translate.inputRequestToQuestion(entry, randomUUID())), (answer) => [key, answer] as const),
      { concurrency: "unbounded" }
    ).pipe(
      Effect.timeoutOrElse({
        duration: ROUND_TIME,
        orElse: () => Effect.fail(new NotAnswered({ server, reason: `not within ${Duration.format(ROUND_TIME)}` }))
      })
    )
    answered = yield* call({
      inputResponses: asked.requests.length === 0 ? undefined : yield* gather(server, answers),
      requestState: asked.requestState
    })
  }
  return answered
})
