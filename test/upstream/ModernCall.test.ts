/** A call that a modern server turned down without acting on it: made again where that can help, and once. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import * as ModernCall from "../../src/upstream/ModernCall.ts"
import { ConnectionLost, MessageRefused } from "../../src/upstream/Transport.ts"
import type { RpcError } from "../../src/upstream/Rpc.ts"
import { text } from "../support/rpc.ts"

const frame = (answer: object): Frame.Frame => {
  const read = Frame.read(Json.encode({ jsonrpc: "2.0", id: 1, ...answer }))
  if (!Frame.isFrame(read)) throw new Error(read.malformed)
  return read
}

const error = (code: number) => frame({ error: { code, message: "no" } })
const done = frame({ result: { resultType: "complete" } })

/** Makes a call that is answered so, and says what happened. */
const call = Effect.fnUntraced(function* (answers: ReadonlyArray<Frame.Frame | RpcError>, isTool = true) {
  const happened: Array<string> = []
  const left = [...answers]
  const exit = yield* Effect.exit(
    ModernCall.make({
      attempt: Effect.suspend(() => {
        happened.push("call")
        const next = left.shift()!
        return "_tag" in next ? Effect.fail(next) : Effect.succeed({ frame: next, era: "modern" as const })
      }),
      refreshTools: Effect.sync(() => void happened.push("tools/list")),
      isTool
    })
  )
  return { happened, exit }
})

const answerOf = <E>(exit: Exit.Exit<{ readonly frame: Frame.Frame }, E>) =>
  Exit.isSuccess(exit) ? text(exit.value.frame) : String(exit.cause)

describe("a call", () => {
  it.effect("whose headers do not match is made once more, after the tools were fetched", () =>
    Effect.gen(function* () {
      const { exit, happened } = yield* call([error(-32020), done])
      assert.deepStrictEqual(happened, ["call", "tools/list", "call"])
      assert.strictEqual(answerOf(exit), text(done))
    })
  )

  it.effect("whose headers still do not match has that for its answer", () =>
    Effect.gen(function* () {
      const { exit, happened } = yield* call([error(-32020), error(-32020)])
      assert.deepStrictEqual(happened, ["call", "tools/list", "call"])
      assert.strictEqual(answerOf(exit), text(error(-32020)))
    })
  )

  it.effect("of anything but a tool, or with any other error, is made once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* call([error(-32020)], false)).happened, ["call"])
      assert.deepStrictEqual((yield* call([error(-32602)])).happened, ["call"])
      assert.deepStrictEqual((yield* call([done])).happened, ["call"])
    })
  )

  it.effect("that is not understood at all says that the server is another by now", () =>
    Effect.gen(function* () {
      const expired = (answer: Frame.Frame | RpcError) =>
        Effect.map(call([answer]), ({ exit }) => answerOf(exit).includes("SessionExpired"))
      assert.isTrue(yield* expired(error(-32022)))
      for (const status of [400, 404, 405]) {
        assert.isTrue(yield* expired(new MessageRefused({ reason: "what?", status })), String(status))
      }
      for (const status of [401, 403, 413, 429, 500]) {
        assert.isFalse(yield* expired(new MessageRefused({ reason: "no", status })), String(status))
      }
      assert.isFalse(yield* expired(new MessageRefused({ reason: "too large" })))
      assert.isFalse(yield* expired(new ConnectionLost({ reason: "cut", unsent: false })))
    })
  )
})
