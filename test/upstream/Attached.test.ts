/** What belongs to a connection and dies of an error of ours takes the connection with it, and is logged. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Attached from "../../src/upstream/Attached.ts"
import { ConnectionLost } from "../../src/upstream/Transport.ts"
import { collectingLogs } from "../support/logged.ts"
import { caller, failure, openRpc } from "../support/rpc.ts"

describe("work that belongs to a connection", () => {
  it.effect("loses the connection when it dies, with the cause in the log and not in the error", () =>
    Effect.gen(function* () {
      const lost = Deferred.makeUnsafe<never, ConnectionLost>()
      const dying = Effect.die(new Error("a slip of ours"))
      const [error, lines] = yield* collectingLogs(
        Effect.andThen(
          Attached.fork(dying, (why) => Deferred.fail(lost, why)),
          Effect.flip(Deferred.await(lost))
        )
      )
      assert.strictEqual(error.message, "an error of the proxy's own; its log says more")
      assert.deepStrictEqual(
        lines.map(({ cause, level }) => [level, cause.includes("a slip of ours")]),
        [["Error", true]]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("loses nothing when it ends, fails, or is interrupted", () =>
    Effect.gen(function* () {
      let losses = 0
      const lose = () => Effect.sync(() => losses++)
      for (const exit of [Exit.void, Exit.fail("foreseen"), Exit.interrupt(1)]) {
        assert.strictEqual((yield* Effect.exit(Attached.guard(exit, lose)))._tag, exit._tag)
      }
      assert.strictEqual(losses, 0)
    })
  )
})

describe("a connection that is given up for lost", () => {
  it.effect("fails with all that is in flight on it, and takes no more", () =>
    Effect.gen(function* () {
      const { call, rpc } = yield* openRpc()
      const calling = yield* call("a", caller().handlers)
      const why = new ConnectionLost({ reason: "it is no use", unsent: false })
      yield* rpc.lose(why)
      assert.strictEqual(yield* failure(calling), why)
      assert.strictEqual(yield* Effect.flip(rpc.lost), why)
      assert.include(yield* failure(yield* call("b")), { reason: "it is no use", unsent: true })
    })
  )
})
