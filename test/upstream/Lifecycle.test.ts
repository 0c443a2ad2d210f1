/** A server's life: started, ready, gone, brought back; given up, and given one more chance. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import type { ServerConfig } from "../../src/domain/ServerConfig.ts"
import type { Evidence } from "../../src/domain/UpstreamFailure.ts"
import type { UpstreamStatus } from "../../src/domain/UpstreamStatus.ts"
import * as Lifecycle from "../../src/upstream/Lifecycle.ts"
import * as RestartPolicy from "../../src/upstream/RestartPolicy.ts"
import { ConnectionLost } from "../../src/upstream/Transport.ts"
import { always } from "../support/chance.ts"
import { settle } from "../support/settle.ts"

const short = (status: UpstreamStatus): string => {
  if (status._tag === "BackingOff")
    return `BackingOff ${status.attempt} until ${status.nextAt / 1000} s: ${status.reason}`
  if (status._tag !== "Failed") return status._tag
  const until = status.retryAt === undefined ? "" : ` until ${status.retryAt / 1000} s`
  return `Failed${until}: ${status.reason}`
}

/** A supervised server whose every run is in the test's hands. */
const supervised = Effect.fnUntraced(function* (restart?: ServerConfig["restart"], random = 0.5) {
  const statuses: Array<string> = []
  const wake = yield* Latch.make(false)
  const runs: Array<{ readonly ready: Effect.Effect<void>; readonly end: Deferred.Deferred<void, ConnectionLost> }> = []
  yield* Effect.forkScoped(
    Lifecycle.supervise({
      policy: RestartPolicy.of(restart, Option.none()),
      longest: RestartPolicy.longest(restart),
      run: (onReady) =>
        Effect.suspend(() => {
          const end = Deferred.makeUnsafe<void, ConnectionLost>()
          runs.push({ ready: onReady, end })
          return Deferred.await(end)
        }),
      setStatus: (status) => Effect.sync(() => void statuses.push(short(status))),
      wake
    }).pipe(always(random))
  )
  yield* settle
  const latest = Effect.suspend(() => {
    const run = runs.at(-1)
    return run === undefined ? Effect.die("there was no run") : Effect.succeed(run)
  })
  return {
    /** The statuses since it was last asked. */
    statuses: Effect.sync(() => statuses.splice(0)),
    runs: () => runs.length,
    wake: Effect.andThen(wake.open, settle),
    ready: Effect.flatMap(latest, ({ ready }) => Effect.andThen(ready, settle)),
    crash: (reason = "it crashed", evidence: Evidence = {}) =>
      Effect.flatMap(latest, ({ end }) =>
        Effect.andThen(Deferred.fail(end, new ConnectionLost({ ...evidence, reason, unsent: false })), settle)
      ),
    renew: Effect.flatMap(latest, ({ end }) => Effect.andThen(Deferred.succeed(end, undefined), settle)),
    wait: (duration: Parameters<typeof TestClock.adjust>[0]) => Effect.andThen(TestClock.adjust(duration), settle)
  }
})

/** Crashes as soon as it runs, until it is restarted no more. */
const crashForGood = Effect.fnUntraced(function* (server: Effect.Success<ReturnType<typeof supervised>>) {
  for (const wait of [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]) {
    yield* server.crash()
    yield* server.wait(wait * 1000)
  }
  yield* server.crash()
})

describe("a server", () => {
  it.effect("is starting, then ready, and stays so", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      assert.deepStrictEqual(yield* server.statuses, ["Starting"])
      yield* server.ready
      assert.deepStrictEqual(yield* server.statuses, ["Ready"])
      yield* server.wait("1 day")
      assert.deepStrictEqual(yield* server.statuses, [])
      assert.strictEqual(server.runs(), 1)
    })
  )

  it.effect("that crashes is backing off, with how often, until when and why, until it is ready again", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.ready
      yield* server.crash("it exited with code 1")
      assert.deepStrictEqual(yield* server.statuses, [
        "Starting",
        "Ready",
        "BackingOff 1 until 1 s: it exited with code 1"
      ])
      yield* server.wait("999 millis")
      assert.strictEqual(server.runs(), 1)
      yield* server.wait("1 millis")
      assert.strictEqual(server.runs(), 2)
      assert.deepStrictEqual(yield* server.statuses, [])
      yield* server.ready
      assert.deepStrictEqual(yield* server.statuses, ["Ready"])
    })
  )

  it.effect("that crashes again and again is restarted ever more slowly, and given up after ten restarts", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* crashForGood(server)
      assert.strictEqual(server.runs(), 11)
      const nextAt = [1, 3, 7, 15, 31, 61, 91, 121, 151, 181]
      assert.deepStrictEqual(yield* server.statuses, [
        "Starting",
        ...nextAt.map((at, index) => `BackingOff ${index + 1} until ${at} s: it crashed`),
        "Failed: it crashed"
      ])
      yield* server.wait("1 day")
      assert.strictEqual(server.runs(), 11)
    })
  )

  it.effect("that stayed up for a minute has recovered: its next crash is its first again", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.crash()
      yield* server.wait("1 second")
      yield* server.crash()
      yield* server.wait("2 seconds")
      yield* server.ready
      yield* server.wait("1 minute")
      yield* server.statuses
      yield* server.crash()
      assert.deepStrictEqual(yield* server.statuses, ["BackingOff 1 until 64 s: it crashed"])
    })
  )

  it.effect("that was up for less has not, however often it comes up", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.crash()
      yield* server.wait("1 second")
      yield* server.ready
      yield* server.wait("59999 millis")
      yield* server.statuses
      yield* server.crash()
      assert.deepStrictEqual(yield* server.statuses, ["BackingOff 2 until 62.999 s: it crashed"])
    })
  )

  it.effect("that takes a minute to start and fails has not recovered: it was never up", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.wait("2 minutes")
      yield* server.crash()
      yield* server.wait("1 second")
      yield* server.wait("2 minutes")
      yield* server.statuses
      yield* server.crash()
      assert.deepStrictEqual(yield* server.statuses, ["BackingOff 2 until 243 s: it crashed"])
    })
  )

  it.effect("whose session merely ended begins anew at once", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.ready
      yield* server.renew
      assert.strictEqual(server.runs(), 2)
      yield* server.ready
      assert.deepStrictEqual(yield* server.statuses, ["Starting", "Ready", "Starting", "Ready"])
    })
  )
})

describe("a server that was given up", () => {
  it.effect("whose new beginning fails is given one more try at once, and then counts as gone", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.ready
      yield* server.renew
      assert.strictEqual(server.runs(), 2)
      yield* server.crash("not now")
      assert.strictEqual(server.runs(), 3)
      yield* server.crash("nor now")
      assert.deepStrictEqual(yield* server.statuses, [
        "Starting",
        "Ready",
        "Starting",
        "BackingOff 1 until 1 s: nor now"
      ])
      yield* server.wait("1 second")
      yield* server.ready
      yield* server.crash("it crashed")
      assert.strictEqual(server.runs(), 4, "a crash of one that was up has no such try")
    })
  )

  it.effect("gets one more try when somebody wants it, and one only", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* crashForGood(server)
      yield* server.statuses
      yield* server.wake
      assert.deepStrictEqual(yield* server.statuses, ["Starting"])
      assert.strictEqual(server.runs(), 12)
      yield* server.crash("it crashed once more")
      assert.deepStrictEqual(yield* server.statuses, ["Failed: it crashed once more"])
      yield* server.wait("1 day")
      assert.strictEqual(server.runs(), 12)
      yield* server.wake
      assert.strictEqual(server.runs(), 13)
    })
  )

  it.effect("and comes up at last is brought back like any other from then on", () =>
    Effect.gen(function* () {
      const server = yield* supervised({ maxAttempts: 2 })
      yield* server.crash()
      yield* server.wait("1 second")
      yield* server.crash()
      yield* server.wait("2 seconds")
      yield* server.crash()
      yield* server.wake
      yield* server.ready
      yield* server.statuses
      yield* server.crash()
      yield* server.wait("1 second")
      yield* server.crash()
      yield* server.wait("2 seconds")
      yield* server.crash()
      assert.deepStrictEqual(yield* server.statuses, [
        "BackingOff 1 until 4 s: it crashed",
        "BackingOff 2 until 6 s: it crashed",
        "Failed: it crashed"
      ])
    })
  )

  it.effect("is not woken by whoever wanted it before", () =>
    Effect.gen(function* () {
      const server = yield* supervised(false)
      yield* server.wake
      yield* server.crash()
      assert.strictEqual(server.runs(), 1)
      assert.deepStrictEqual(yield* server.statuses, ["Starting", "Failed: it crashed"])
    })
  )
})

describe("a server that is not to be restarted", () => {
  it.effect("stays away when it goes, until somebody wants it", () =>
    Effect.gen(function* () {
      const server = yield* supervised(false)
      yield* server.ready
      yield* server.wait("1 hour")
      yield* server.crash()
      assert.deepStrictEqual(yield* server.statuses, ["Starting", "Ready", "Failed: it crashed"])
      yield* server.wait("1 hour")
      assert.strictEqual(server.runs(), 1)
      yield* server.wake
      yield* server.ready
      assert.deepStrictEqual(yield* server.statuses, ["Starting", "Ready"])
      yield* server.crash()
      assert.deepStrictEqual(yield* server.statuses, ["Failed: it crashed"])
    })
  )
})

describe("a server that refuses our credentials", () => {
  const denied: Evidence = { status: 401 }

  it.effect("is given up at once, and for as long as a call may not try again", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.crash("who are you?", denied)
      assert.deepStrictEqual(yield* server.statuses, ["Starting", "Failed until 30 s: who are you?"])
      yield* server.wait("1 day")
      assert.strictEqual(server.runs(), 1, "nothing is retried by itself")
    })
  )

  it.effect("is tried once for each call that may, and is given up again each time", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      for (let i = 0; i < 3; i++) {
        yield* server.crash("who are you?", denied)
        yield* server.wait("30 seconds")
        assert.strictEqual(server.runs(), i + 1)
        yield* server.wake
      }
      assert.strictEqual(server.runs(), 4)
      yield* server.crash("who are you?", { status: 403, retryAfterMillis: 5000 })
      assert.strictEqual((yield* server.statuses).at(-1), "Failed until 95 s: who are you?")
    })
  )

  it.effect("has used up none of its restarts when it takes them at last", () =>
    Effect.gen(function* () {
      const server = yield* supervised({ maxAttempts: 1 })
      yield* server.crash("who are you?", denied)
      yield* server.wait("30 seconds")
      yield* server.wake
      yield* server.crash()
      assert.strictEqual((yield* server.statuses).at(-1), "BackingOff 1 until 31 s: it crashed")
    })
  )
})

describe("a server that asks for fewer requests", () => {
  it.effect("is left alone for as long as it says, as often as it says so, which counts as no restart", () =>
    Effect.gen(function* () {
      const server = yield* supervised({ maxAttempts: 2 })
      for (let i = 0; i < 20; i++) {
        yield* server.crash("slow down", { status: 429, retryAfterMillis: 45_000 })
        yield* server.wait("44999 millis")
        assert.strictEqual(server.runs(), i + 1)
        yield* server.wait("1 millis")
        assert.strictEqual(server.runs(), i + 2)
      }
      yield* server.statuses
      yield* server.crash()
      assert.deepStrictEqual(yield* server.statuses, ["BackingOff 1 until 901 s: it crashed"])
    })
  )

  it.effect("is left alone for half a minute where it does not say, whoever wants it meanwhile", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.crash("slow down", { status: 429 })
      assert.deepStrictEqual(yield* server.statuses, ["Starting", "BackingOff 0 until 30 s: slow down"])
      yield* server.wake
      yield* server.wait("29 seconds")
      assert.strictEqual(server.runs(), 1)
      yield* server.wait("1 second")
      assert.strictEqual(server.runs(), 2)
    })
  )

  it.effect("by a 503 that does not say for how long is restarted like any other", () =>
    Effect.gen(function* () {
      const server = yield* supervised()
      yield* server.crash("not now", { status: 503 })
      assert.deepStrictEqual((yield* server.statuses).slice(1), ["BackingOff 1 until 1 s: not now"])
    })
  )
})

describe("a server that speaks no MCP", () => {
  it.effect("is restarted like any other, but each time after the longest wait", () =>
    Effect.gen(function* () {
      const server = yield* supervised({ maxAttempts: 3 })
      for (let i = 0; i < 4; i++) {
        yield* server.crash("<html>", { ending: "unintelligible" })
        yield* server.wait("30 seconds")
      }
      assert.deepStrictEqual((yield* server.statuses).slice(1), [
        "BackingOff 1 until 30 s: <html>",
        "BackingOff 2 until 60 s: <html>",
        "BackingOff 3 until 90 s: <html>",
        "Failed: <html>"
      ])
    })
  )
})

describe("the waits between restarts", () => {
  it.effect("are a fifth shorter or longer, as chance has it", () =>
    Effect.gen(function* () {
      for (const [random, until] of [
        [0, 0.8],
        [0.25, 0.9],
        [0.75, 1.1],
        [0.999_999, 1.2]
      ] as const) {
        const server = yield* supervised(undefined, random)
        yield* server.crash()
        assert.strictEqual((yield* server.statuses).at(-1), `BackingOff 1 until ${until} s: it crashed`)
      }
    })
  )
})
