/** Connections of callers' own: they close when nobody needs them any more, with the processes behind them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { SessionKey } from "../../src/domain/ServerId.ts"
import { server } from "../support/memoryProcesses.ts"
import { callerOf, configOf, local, memoryServers } from "../support/memoryServers.ts"
import { settle } from "../support/settle.ts"

const ada = callerOf("ada")
const bob = callerOf("bob")

const opened = Effect.gen(function* () {
  const waiting: Array<() => void> = []
  const program = server(["echo", "slow"], {
    call: (self, { id, params }) => {
      if (params?.["name"] !== "slow") return false
      waiting.push(() => self.say({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text: "{}" }] } }))
      return true
    }
  })
  const running = yield* memoryServers(configOf(local("a", { isolation: "session" })), { a: program })
  yield* running.settled
  const processes = () => running.processes.running().length
  assert.strictEqual(processes(), 1, "the one that watches over its health")
  yield* running.call("a", "echo", ada)
  assert.strictEqual(processes(), 2)
  const wait = (duration: Parameters<typeof TestClock.adjust>[0]) => Effect.andThen(TestClock.adjust(duration), settle)
  return { ...running, count: processes, wait, finish: () => waiting.shift()?.() }
})

describe("a connection of one's own", () => {
  it.effect("closes when nobody has used it for gateway.laneIdle, and opens again with the next call", () =>
    Effect.gen(function* () {
      const { call, count, wait } = yield* opened
      yield* wait("14 minutes")
      assert.strictEqual(count(), 2)
      yield* wait("2 minutes")
      assert.strictEqual(count(), 1)
      yield* call("a", "echo", ada)
      assert.strictEqual(count(), 2)
    }).pipe(Effect.scoped)
  )

  it.effect("does not while its owner listens, nor while a call is under way on it", () =>
    Effect.gen(function* () {
      const { call, count, finish, fleet, wait } = yield* opened
      const listening = yield* Scope.make()
      yield* Scope.provide(fleet.hold(ada), listening)
      const slow = yield* Effect.forkChild(call("a", "slow", bob))
      yield* wait("4 minutes")
      assert.strictEqual(count(), 3)
      finish()
      yield* Fiber.join(slow)
      yield* wait("1 hour")
      assert.strictEqual(count(), 2, "Bob's is closed, Ada's is not")
      yield* Scope.close(listening, Exit.void)
      yield* wait("16 minutes")
      assert.strictEqual(count(), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("closes with its session", () =>
    Effect.gen(function* () {
      const { call, count, fleet } = yield* opened
      yield* call("a", "echo", bob)
      yield* fleet.release(SessionKey.make("ada"))
      yield* settle
      assert.strictEqual(count(), 2)
      yield* fleet.release(SessionKey.make("bob"))
      yield* settle
      assert.strictEqual(count(), 1)
    }).pipe(Effect.scoped)
  )
})
