/** A modern server asks by its results: a legacy client is asked by requests, round for round, and the call made again. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import * as Rounds from "../../src/gateway/Rounds.ts"
import type { Answer, CallHandlers } from "../../src/upstream/Rpc.ts"

type More = Readonly<Record<string, unknown>>

const frameOf = (result: string): Frame.Frame => {
  const frame = Frame.read(Json.utf8(`{"jsonrpc":"2.0","id":1,"result":${result}}`))
  if (!Frame.isFrame(frame)) throw new Error(frame.malformed)
  return frame
}

const asking = (requests: string, more = ""): string =>
  `{"resultType":"input_required","inputRequests":${requests}${more}}`
const ELICIT = '{"method":"elicitation/create","params":{"message":"Name?"}}'
const DONE = '{"resultType":"complete","content":[]}'

/** A server that answers these, one call after the other, and a client that answers every question the same. */
const scene = (
  results: ReadonlyArray<string>,
  answer: Answer = { outcome: "result", body: Json.utf8('{"x":12345678901234567890}') }
) => {
  const calls: Array<More> = []
  const asked: Array<string> = []
  const call = (more: More) =>
    Effect.sync(() => {
      calls.push(more)
      return { frame: frameOf(results[Math.min(calls.length, results.length) - 1] ?? DONE), era: "modern" } as const
    })
  const handlers: CallHandlers = {
    session: SessionKey.make("s"),
    notify: () => {},
    polling: () => {},
    ask: (frame) =>
      Effect.sync(() => {
        asked.push(`${frame.method} ${JSON.stringify(Frame.valueAt(frame, "message"))}`)
        return answer
      })
  }
  const play = Effect.flatMap(call({}), (first) => Rounds.play("forms", first, call, handlers))
  return { play, calls, asked }
}

const textOf = (value: unknown): unknown => (value instanceof Uint8Array ? Buffer.from(value).toString() : value)

describe("a call of a server that asks", () => {
  it.effect("is made again with the answers of this round, as the client wrote them, and the state as it was", () =>
    Effect.gen(function* () {
      const { asked, calls, play } = scene([
        asking(`{"a":${ELICIT},"b":${ELICIT}}`, ',"requestState":"one"'),
        asking(`{"c":${ELICIT}}`, ',"requestState":"two"'),
        DONE
      ])
      const { frame } = yield* play
      assert.include(Buffer.from(frame.bytes).toString(), '"complete"')
      assert.deepStrictEqual(
        asked,
        Array.from({ length: 3 }, () => 'elicitation/create "Name?"')
      )
      assert.deepStrictEqual(
        calls.map(({ inputResponses, requestState }) => [textOf(inputResponses), requestState]),
        [
          [undefined, undefined],
          ['{"a":{"x":12345678901234567890},"b":{"x":12345678901234567890}}', "one"],
          ['{"c":{"x":12345678901234567890}}', "two"]
        ]
      )
    })
  )

  it.effect("that asks for nothing but patience is made again after a pause", () =>
    Effect.gen(function* () {
      const { calls, play } = scene(['{"resultType":"input_required","requestState":"wait"}', DONE])
      const fiber = yield* Effect.forkChild(play)
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(calls.length, 1)
      yield* TestClock.adjust("50 millis")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(calls[1], { inputResponses: undefined, requestState: "wait" })
    })
  )

  it.effect("fails where the client does not answer, and is not made again", () =>
    Effect.gen(function* () {
      const { calls, play } = scene([asking(`{"a":${ELICIT}}`)], {
        outcome: "error",
        body: Json.encode({ code: 1, message: "not now" })
      })
      const error = yield* Effect.flip(play)
      assert.strictEqual(error._tag, "NotAnswered")
      assert.include(error.message, "not now")
      assert.strictEqual(calls.length, 1)
    })
  )

  it.effect("is given up where it never stops asking", () =>
    Effect.gen(function* () {
      const { calls, play } = scene([asking(`{"a":${ELICIT}}`)])
      const error = yield* Effect.flip(play)
      assert.strictEqual(error._tag, "BadAnswer")
      assert.strictEqual(calls.length, 17)
    })
  )

  it.effect.each([
    ["nothing", "{}"],
    ["a question without a method", '{"a":{}}'],
    ["a question with an empty method", '{"a":{"method":""}}'],
    ["questions that are none", "[]"]
  ] as const)("fails, and is no fault of ours, where it asks for %s", ([, requests]) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(scene([asking(requests)]).play)
      assert.isTrue(Exit.isFailure(exit) && !Exit.hasDies(exit))
    })
  )
})
