/** From one configuration to the next while calls go on. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { ServerId } from "../../src/domain/ServerId.ts"
import { type Program, server } from "../support/memoryProcesses.ts"
import { callerOf, configOf, local, memoryServers } from "../support/memoryServers.ts"
import { settle } from "../support/settle.ts"

/** A server whose calls of `slow` are answered when the test says so. */
const patient = () => {
  const waiting: Array<() => void> = []
  const answering = server(["echo", "slow"], {
    call: (self, { id, params }) => {
      if (params?.["name"] !== "slow") return false
      const text = JSON.stringify({ pid: self.pid, name: "slow" })
      waiting.push(() => self.say({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }] } }))
      return true
    }
  })
  const program: Program = (self) => (self.env["MUTE"] === "yes" ? { heard: () => {} } : answering(self))
  return { program, waiting, finish: () => waiting.shift()?.() }
}

const startOf = Effect.fnUntraced(function* (a = local("a"), b = local("b")) {
  const slow = patient()
  const running = yield* memoryServers(configOf(a, b), { a: slow.program, b: server(["echo"]) })
  yield* running.settled
  const alive = (command: string) => running.processes.running().filter((one) => one.command === command)
  return { ...running, slow, alive }
})

const reasonOf = (exit: Exit.Exit<unknown, { readonly message: string }>): string =>
  Exit.isFailure(exit)
    ? Exit.findErrorOption(exit).pipe((found) => (found._tag === "Some" ? found.value.message : ""))
    : ""

const CHANGED = { env: { SECRET: "new" } }

describe("a server whose settings are the same", () => {
  it.effect("keeps its process and its calls, in whatever order the file names it", () =>
    Effect.gen(function* () {
      const { alive, call, fleet, slow } = yield* startOf()
      const [before] = alive("a")
      const going = yield* Effect.forkChild(call("a", "slow"))
      yield* settle
      const difference = yield* fleet.apply(configOf(local("b", CHANGED), local("a")))
      assert.deepStrictEqual(difference.unchanged, [ServerId.make("a")])
      yield* settle
      assert.deepStrictEqual(alive("a"), [before])
      slow.finish()
      assert.strictEqual((yield* Fiber.join(going)).pid, before?.pid)
    }).pipe(Effect.scoped)
  )

  it.effect("but for what is shown of it keeps them too", () =>
    Effect.gen(function* () {
      const { alive, fleet } = yield* startOf()
      const [before] = alive("a")
      const difference = yield* fleet.apply(
        configOf(local("a", { disabledTools: ["slow"], description: "A" }), local("b"))
      )
      assert.deepStrictEqual(difference.changed, [
        { server: ServerId.make("a"), settings: ["description", "disabledTools"], isRebuilt: false }
      ])
      yield* settle
      assert.deepStrictEqual(alive("a"), [before])
    }).pipe(Effect.scoped)
  )
})

describe("a server that is replaced", () => {
  it.effect("finishes its calls and stops before the next one starts; calls that come meanwhile wait for it", () =>
    Effect.gen(function* () {
      const { alive, call, fleet, processes, slow } = yield* startOf()
      const [before] = alive("a")
      const going = yield* Effect.forkChild(call("a", "slow"))
      yield* settle
      yield* fleet.apply(configOf(local("a", CHANGED), local("b")))
      const waiting = yield* Effect.forkChild(call("a", "echo"))
      yield* settle
      assert.deepStrictEqual(alive("a"), [before], "the old one still has a call")
      slow.finish()
      assert.strictEqual((yield* Fiber.join(going)).pid, before?.pid)
      const { pid } = yield* Fiber.join(waiting)
      assert.notStrictEqual(pid, before?.pid)
      assert.isFalse(before?.isRunning())
      assert.deepStrictEqual(
        alive("a").map((one) => [one.pid, one.env["SECRET"]]),
        [[pid, "new"]]
      )
      assert.lengthOf(
        processes.all.filter(({ command }) => command === "b"),
        1
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is cut off after MCP_DRAIN, and says of the call that its outcome is unknown", () =>
    Effect.gen(function* () {
      const { call, fleet } = yield* startOf()
      const going = yield* Effect.forkChild(Effect.exit(call("a", "slow")))
      yield* settle
      yield* fleet.apply(configOf(local("a", CHANGED), local("b")))
      const waiting = yield* Effect.forkChild(call("a", "echo"))
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(going.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.match(reasonOf(yield* Fiber.join(going)), /^Outcome unknown/u)
      assert.strictEqual((yield* Fiber.join(waiting)).name, "echo")
    }).pipe(Effect.scoped)
  )

  it.effect("keeps nobody waiting for longer than its callTimeout", () =>
    Effect.gen(function* () {
      const { call, fleet } = yield* startOf()
      const going = yield* Effect.forkChild(call("a", "slow"))
      yield* settle
      yield* fleet.apply(configOf(local("a", { callTimeout: Duration.seconds(5) }), local("b")))
      const waiting = yield* Effect.forkChild(Effect.exit(call("a", "echo")))
      yield* TestClock.adjust("5 seconds")
      assert.match(reasonOf(yield* Fiber.join(waiting)), /being replaced.*callTimeout/u)
      yield* Fiber.interrupt(going)
    }).pipe(Effect.scoped)
  )

  it.effect("is not, where the change is taken back before it was carried out", () =>
    Effect.gen(function* () {
      const { alive, call, fleet, slow } = yield* startOf()
      const [before] = alive("a")
      const going = yield* Effect.forkChild(call("a", "slow"))
      yield* settle
      yield* fleet.apply(configOf(local("a", CHANGED), local("b")))
      const waiting = yield* Effect.forkChild(call("a", "echo"))
      yield* settle
      yield* fleet.apply(configOf(local("a"), local("b")))
      assert.strictEqual((yield* Fiber.join(waiting)).pid, before?.pid)
      slow.finish()
      yield* Fiber.join(going)
      yield* settle
      assert.deepStrictEqual(alive("a"), [before])
    }).pipe(Effect.scoped)
  )

  it.effect("becomes what it was asked to be last", () =>
    Effect.gen(function* () {
      const { alive, call, fleet } = yield* startOf()
      for (const SECRET of ["1", "2", "3"]) yield* fleet.apply(configOf(local("a", { env: { SECRET } }), local("b")))
      const { pid } = yield* call("a", "echo")
      assert.deepStrictEqual(
        alive("a").map((one) => [one.pid, one.env["SECRET"]]),
        [[pid, "3"]]
      )
    }).pipe(Effect.scoped)
  )
})

describe("a server that must have something to itself", () => {
  const secrets = (alive: (command: string) => ReadonlyArray<{ readonly env: Readonly<Record<string, unknown>> }>) =>
    alive("a").map(({ env }) => env["SECRET"])

  it.effect("waits for its former self also where that was removed a moment ago", () =>
    Effect.gen(function* () {
      const { alive, call, fleet, slow } = yield* startOf()
      const [before] = alive("a")
      const going = yield* Effect.forkChild(call("a", "slow"))
      yield* settle
      yield* fleet.apply(configOf(local("b")))
      yield* fleet.apply(configOf(local("a", CHANGED), local("b")))
      const waiting = yield* Effect.forkChild(call("a", "echo"))
      yield* settle
      assert.deepStrictEqual(alive("a"), [before], "it still has a call")
      slow.finish()
      yield* Fiber.join(going)
      assert.notStrictEqual((yield* Fiber.join(waiting)).pid, before?.pid)
      assert.deepStrictEqual(secrets(alive), ["new"])
    }).pipe(Effect.scoped)
  )

  it.effect("waits for all that there still is of it, also from when it did not mind", () =>
    Effect.gen(function* () {
      const { alive, call, fleet, slow } = yield* startOf(local("a", { reload: "overlap", env: { SECRET: "1" } }))
      const going = yield* Effect.forkChild(call("a", "slow"))
      yield* settle
      yield* fleet.apply(configOf(local("a", { reload: "overlap", env: { SECRET: "2" } }), local("b")))
      yield* settle
      yield* fleet.apply(configOf(local("a", { env: { SECRET: "3" } }), local("b")))
      const waiting = yield* Effect.forkChild(call("a", "echo"))
      yield* settle
      assert.deepStrictEqual(secrets(alive), ["1", "2"], "the first one still has a call")
      slow.finish()
      yield* Fiber.join(going)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(secrets(alive), ["3"])
    }).pipe(Effect.scoped)
  )

  it.effect("waits until its former self is gone, which may take longer than its last call", () =>
    Effect.gen(function* () {
      const answering = server(["echo"])
      const stubborn: Program = (self) => ({
        ...answering(self),
        inputEnded: () => (self.env["SECRET"] === "1" ? undefined : self.exit(0))
      })
      const running = yield* memoryServers(configOf(local("a", { env: { SECRET: "1" } })), { a: stubborn })
      yield* running.settled
      const alive = () => running.processes.running()
      yield* running.fleet.apply(configOf())
      yield* settle
      yield* running.fleet.apply(configOf(local("a", { env: { SECRET: "2" } })))
      yield* settle
      assert.deepStrictEqual(secrets(alive), ["1"])
      yield* TestClock.adjust("30 seconds")
      yield* settle
      assert.deepStrictEqual(secrets(alive), ["2"])
    }).pipe(Effect.scoped)
  )
})

describe("a server that overlaps", () => {
  const overlapping = local("a", { reload: "overlap" })
  const next = local("a", { reload: "overlap", ...CHANGED })

  it.effect("takes over once it is up, and the old one finishes its calls beside it", () =>
    Effect.gen(function* () {
      const { alive, call, fleet, slow } = yield* startOf(overlapping)
      const [before] = alive("a")
      const going = yield* Effect.forkChild(call("a", "slow"))
      yield* settle
      yield* fleet.apply(configOf(next, local("b")))
      const { pid } = yield* call("a", "echo")
      assert.notStrictEqual(pid, before?.pid)
      assert.isTrue(before?.isRunning())
      slow.finish()
      assert.strictEqual((yield* Fiber.join(going)).pid, before?.pid)
      yield* settle
      assert.deepStrictEqual(
        alive("a").map((one) => one.pid),
        [pid]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("has the old one answer while it starts, and is what counts whatever becomes of its start", () =>
    Effect.gen(function* () {
      const { alive, call, fleet } = yield* startOf(overlapping)
      const [before] = alive("a")
      const mute = local("a", { reload: "overlap", startTimeout: Duration.seconds(20), env: { MUTE: "yes" } })
      const applying = yield* Effect.forkChild(fleet.apply(configOf(mute, local("b"))))
      yield* settle
      assert.strictEqual((yield* call("a", "echo")).pid, before?.pid)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(applying)
      assert.strictEqual((yield* call("a", "echo")).pid, before?.pid, "it is starting still")
      yield* TestClock.adjust("15 seconds")
      yield* settle
      assert.match(reasonOf(yield* Effect.exit(call("a", "echo"))), /backing off.*startTimeout/u)
      assert.isFalse(before?.isRunning())
    }).pipe(Effect.scoped)
  )

  it.effect("waits for nothing where the old one is not up", () =>
    Effect.gen(function* () {
      const mute = local("a", { reload: "overlap", env: { MUTE: "yes" } })
      const { call, fleet } = yield* memoryServers(configOf(mute), { a: patient().program })
      yield* settle
      yield* fleet.apply(configOf(next))
      assert.strictEqual((yield* call("a", "echo")).name, "echo")
    }).pipe(Effect.scoped)
  )
})

describe("a server that is removed", () => {
  it.effect("finishes its calls, takes no more, and is gone then", () =>
    Effect.gen(function* () {
      const { alive, call, fleet, slow } = yield* startOf()
      const going = yield* Effect.forkChild(call("a", "slow"))
      yield* settle
      yield* fleet.apply(configOf(local("b")))
      assert.match(reasonOf(yield* Effect.exit(call("a", "echo"))), /not configured any more/u)
      slow.finish()
      yield* Fiber.join(going)
      yield* settle
      assert.deepStrictEqual(alive("a"), [])
      assert.isUndefined(fleet.shared(ServerId.make("a")))
    }).pipe(Effect.scoped)
  )
})

describe("who merely listens", () => {
  it.effect("keeps no server from being replaced, and goes on with the next one", () =>
    Effect.gen(function* () {
      const { fleet } = yield* startOf()
      const heard: Array<object> = []
      yield* Effect.forkScoped(
        Effect.ignore(
          fleet.attend(ServerId.make("a"), callerOf("one"), (upstream) => Effect.sync(() => heard.push(upstream)))
        )
      )
      yield* settle
      yield* fleet.apply(configOf(local("a", CHANGED), local("b")))
      yield* settle
      assert.lengthOf(new Set(heard), 2)
      assert.strictEqual(heard[1], fleet.shared(ServerId.make("a")))
    }).pipe(Effect.scoped)
  )
})
