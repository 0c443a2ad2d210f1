/** Servers that fail, each in its own way, as they really are: what is done about it, counted by the server itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Restraint } from "../../src/upstream/Restraint.ts"
import type { UpstreamStatus } from "../../src/domain/UpstreamStatus.ts"
import { start as startModern } from "../fixtures/modern-http.ts"
import { start } from "../fixtures/raw-http.ts"
import { eventually, fixture, freePort } from "./harness.ts"
import { settle } from "../support/settle.ts"
import { call, http, stdio, supervise } from "./supervised.ts"

const rawHttp = (port?: number) =>
  Effect.acquireRelease(
    Effect.promise(() => start(port)),
    (server) => Effect.promise(() => server.close())
  )

/** A local server with a journal of what it executed. */
const journaled = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-proxy-journal-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const journal = join(folder, "journal")
  return {
    config: {
      transport: stdio(fixture("raw-stdio.ts"), "--exit-once", "--journal", journal),
      era: "legacy" as const,
      restart: { delay: Duration.millis(100) }
    },
    /** How often that was executed. */
    count: (entry: string) =>
      readFileSync(journal, "utf8")
        .split("\n")
        .filter((line) => line === entry).length
  }
})

const remote = (url: string) => ({ ...http(url), era: "legacy" as const, restart: { delay: Duration.millis(100) } })

const count = (journal: ReadonlyArray<string>, entry: string): number => journal.filter((one) => one === entry).length

const failureOf = (status: UpstreamStatus) => ("failure" in status ? status.failure : undefined)

type Supervised = Effect.Success<ReturnType<typeof supervise>>

const pidOf = ({ upstream }: Supervised) => Effect.map(call(upstream, "pid"), ([, text]) => Number(text))

const isReady = ({ state }: Supervised) => state().status._tag === "Ready"

describe("a server that refuses our credentials", () => {
  it.live("is asked once, whatever is called on whichever lane", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      server.behaviour = { always: { status: 401, body: "who are you?" } }
      const restraint = new Restraint(false)
      const shared = yield* supervise(http(server.url), { restraint })
      assert.strictEqual(failureOf(shared.state().status), "credentials")
      for (let i = 0; i < 5; i++) {
        const lane = yield* supervise(http(server.url), { restraint })
        for (const { upstream } of [shared, lane]) {
          const error = yield* Effect.flip(call(upstream, "echo"))
          assert.match(
            error.message,
            /is failed \(credentials refused; a call may try again in \d+ s\): it refused our credentials \(HTTP 401\)/u
          )
          assert.isAbove(error._tag === "UpstreamDown" ? (error.retryAfterMillis ?? 0) : 0, 0)
        }
      }
      assert.strictEqual(server.requests.length, 1)
      // What was a legacy server before is not asked for its era because of it.
      yield* supervise(http(server.url), { remembered: "legacy" })
      assert.strictEqual(server.requests.length, 2)
    }).pipe(Effect.scoped)
  )
})

describe("a server that was given up on one lane", () => {
  it.live("is tried there again when it is up on another", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const restraint = new Restraint(false)
      server.behaviour = { always: { status: 404, body: "not here" } }
      const config = { ...remote(server.url), restart: false as const }
      const shared = yield* supervise(config, { restraint })
      assert.strictEqual(failureOf(shared.state().status), "protocol")
      server.behaviour = {}
      assert.isTrue(isReady(yield* supervise(config, { restraint })))
      yield* eventually("the first is up too", () => isReady(shared))
    }).pipe(Effect.scoped)
  )
})

describe("a server that asks to be left alone", () => {
  it.live("when it is started is, until then; and is started again without having used up a restart", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      server.behaviour = { always: { status: 503, body: "back soon", retryAfter: "2" } }
      const supervised = yield* supervise({ ...remote(server.url), restart: { maxAttempts: 0 } })
      const { status } = supervised.state()
      assert.strictEqual(status._tag === "BackingOff" ? `${status.attempt} ${status.failure}` : "", "0 rate-limit")
      assert.match((yield* Effect.flip(call(supervised.upstream, "echo"))).message, /rate limited; next try in 2 s/u)
      assert.strictEqual(server.requests.length, 1)
      server.behaviour = {}
      yield* eventually("it is ready", () => isReady(supervised))
      const [first = 0, second = 0] = server.requests
      assert.isAtLeast(second - first, 1950)
    }).pipe(Effect.scoped)
  )

  it.live("in answer to a call is, by all lanes, and by those that are only starting", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const restraint = new Restraint({ failures: 5, restMillis: 10_000 })
      const one = yield* supervise(remote(server.url), { restraint })
      const other = yield* supervise(remote(server.url), { restraint })
      server.behaviour = { calls: { status: 429, body: "too many", retryAfter: "2" } }
      const error = yield* Effect.flip(call(one.upstream, "echo"))
      assert.match(error.message, /did not take the call: it asks to be left alone for 2 s \(HTTP 429\): too many/u)
      server.behaviour = {}
      const sent = server.requests.length
      const held = yield* Effect.flip(call(other.upstream, "echo"))
      assert.match(held.message, /is not called for another [12] s: it asks to be left alone/u)
      const late = yield* supervise(remote(server.url), { restraint })
      assert.strictEqual(failureOf(late.state().status), "rate-limit")
      assert.strictEqual(server.requests.length, sent)
      yield* eventually("the third lane is up", () => isReady(late))
      assert.deepStrictEqual(yield* call(other.upstream, "echo"), ["legacy", "{}"])
    }).pipe(Effect.scoped)
  )
})

describe("a server that hangs", () => {
  it.live("is replaced once a call has timed out and it does not answer a ping", () =>
    Effect.gen(function* () {
      const { config } = yield* journaled
      const supervised = yield* supervise({
        ...config,
        callTimeout: Duration.seconds(4),
        pingTimeout: Duration.seconds(1)
      })
      const pid = yield* pidOf(supervised)
      process.kill(pid, "SIGSTOP")
      const first = yield* Effect.forkChild(Effect.flip(call(supervised.upstream, "echo")))
      // So much later that it may still be silent when the first may not, and does not answer a ping either.
      yield* Effect.sleep("3 seconds")
      const second = yield* Effect.forkChild(Effect.flip(call(supervised.upstream, "echo")))
      assert.match((yield* Fiber.join(first)).message, /did not answer within 4 s/u)
      assert.match(
        (yield* Fiber.join(second)).message,
        /Outcome unknown: server "server" hung during the call \(it did not answer a ping within 1s \(pingTimeout\)\)/u
      )
      yield* eventually("it is given up", () => failureOf(supervised.state().status) === "timeout", 20_000)
      yield* eventually("it is ready again", () => isReady(supervised), 20_000)
      assert.notStrictEqual(yield* pidOf(supervised), pid)
      assert.throws(() => process.kill(pid, 0), /ESRCH/u)
    }).pipe(Effect.scoped)
  )

  it.live("while nothing is asked of it is replaced without anybody's noticing", () =>
    Effect.gen(function* () {
      const { config, count } = yield* journaled
      const supervised = yield* supervise({
        ...config,
        ping: Duration.seconds(1),
        pingTimeout: Duration.seconds(1)
      })
      const pid = yield* pidOf(supervised)
      yield* eventually("it has answered a ping, and was sent another", () => count("ping") >= 2)
      assert.isTrue(isReady(supervised))
      process.kill(pid, "SIGSTOP")
      yield* eventually("it is given up", () => !isReady(supervised))
      yield* eventually("it is ready again", () => isReady(supervised), 20_000)
      assert.notStrictEqual(yield* pidOf(supervised), pid)
    }).pipe(Effect.scoped)
  )

  it.live("only seems to while one call keeps all of it busy: it is left to finish", () =>
    Effect.gen(function* () {
      const { config, count } = yield* journaled
      const supervised = yield* supervise({
        ...config,
        ping: Duration.seconds(1),
        pingTimeout: Duration.seconds(1),
        callTimeout: Duration.seconds(30)
      })
      const pid = yield* pidOf(supervised)
      assert.deepStrictEqual(yield* call(supervised.upstream, "block", { millis: 5000 }), ["legacy", "done in one go"])
      yield* eventually("it reads that it was pinged meanwhile", () => count("ping") >= 1)
      assert.strictEqual(yield* pidOf(supervised), pid)
      assert.strictEqual(count("start"), 1)
    }).pipe(Effect.scoped)
  )

  it.live("over HTTP is given up likewise, and told from one that is slow over one call", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const supervised = yield* supervise({
        ...remote(server.url),
        callTimeout: Duration.seconds(1),
        pingTimeout: Duration.seconds(1),
        startTimeout: Duration.seconds(1)
      })
      assert.match((yield* Effect.flip(call(supervised.upstream, "hang"))).message, /did not answer within 1 s/u)
      yield* eventually("it was pinged", () => server.journal.includes("ping"))
      assert.deepStrictEqual(yield* call(supervised.upstream, "echo"), ["legacy", "{}"])
      assert.strictEqual(count(server.journal, "initialize"), 1)
      server.behaviour = { hangs: true }
      assert.match((yield* Effect.flip(call(supervised.upstream, "echo"))).message, /did not answer within 1 s/u)
      yield* eventually("it is given up", () => failureOf(supervised.state().status) === "timeout")
      server.behaviour = {}
      yield* eventually("it is ready again", () => isReady(supervised), 20_000)
      assert.deepStrictEqual(yield* call(supervised.upstream, "echo"), ["legacy", "{}"])
    }).pipe(Effect.scoped)
  )
})

describe("a server whose calls keep failing", () => {
  it.live("is not called for a while, then by one; when that is answered, by all", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const restraint = new Restraint({ failures: 3, restMillis: 1000 })
      const supervised = yield* supervise(remote(server.url), { restraint })
      const { upstream } = supervised
      server.behaviour = { calls: { status: 500, body: "out of order" } }
      for (let i = 0; i < 3; i++) {
        assert.match(
          (yield* Effect.flip(call(upstream, "echo"))).message,
          /^Outcome unknown: .*HTTP 500: out of order/u
        )
      }
      const sent = server.requests.length
      for (let i = 0; i < 20; i++) {
        const error = yield* Effect.flip(call(upstream, "echo"))
        assert.match(
          error.message,
          /is not called for another 1 s: calls to it kept failing, at last because .*HTTP 500/u
        )
      }
      assert.strictEqual(server.requests.length, sent)
      server.behaviour = {}
      const slow = yield* Effect.forkChild(
        Effect.retry(call(upstream, "slow"), {
          while: ({ _tag }) => _tag === "UpstreamDown",
          schedule: Schedule.spaced(20)
        })
      )
      yield* eventually("one is let through", () => server.journal.includes("call slow"))
      assert.match((yield* Effect.flip(call(upstream, "echo"))).message, /is not called/u)
      assert.deepStrictEqual(yield* Fiber.join(slow), ["legacy", "slow"])
      assert.deepStrictEqual(yield* call(upstream, "echo"), ["legacy", "{}"])
    }).pipe(Effect.scoped)
  )
})

describe("a call that was certainly not sent", () => {
  it.live("because the process did not read is sent to the next one, exactly once", () =>
    Effect.gen(function* () {
      const { config, count } = yield* journaled
      const supervised = yield* supervise({ ...config, callTimeout: Duration.seconds(30) })
      const { upstream } = supervised
      const pid = yield* pidOf(supervised)
      process.kill(pid, "SIGSTOP")
      // More than a pipe holds, so what comes after it waits.
      const large = yield* Effect.forkChild(Effect.exit(call(upstream, "echo", { fill: "x".repeat(1_000_000) })))
      yield* settle
      const small = yield* Effect.forkChild(call(upstream, "junk"))
      yield* settle
      process.kill(pid, "SIGKILL")
      assert.deepStrictEqual(yield* Fiber.join(small), ["legacy", "after the junk"])
      assert.strictEqual(count("call junk"), 1)
      assert.strictEqual(count("start"), 2)
      // Whether some of this one was written before the end is up to the system; it knows which.
      const exit = yield* Fiber.join(large)
      if (Exit.isFailure(exit)) assert.match(Cause.pretty(exit.cause), /Outcome unknown/u)
      assert.strictEqual(count("call echo"), Exit.isSuccess(exit) ? 1 : 0)
    }).pipe(Effect.scoped)
  )

  it.live("and was cancelled is not sent any more", () =>
    Effect.gen(function* () {
      const { config, count } = yield* journaled
      const supervised = yield* supervise({ ...config, callTimeout: Duration.seconds(30) })
      const { upstream } = supervised
      const pid = yield* pidOf(supervised)
      process.kill(pid, "SIGSTOP")
      const large = yield* Effect.forkChild(call(upstream, "echo", { fill: "x".repeat(1_000_000) }))
      yield* settle
      const small = yield* Effect.forkChild(call(upstream, "junk"))
      yield* settle
      yield* Fiber.interrupt(small)
      process.kill(pid, "SIGCONT")
      yield* Fiber.join(large)
      assert.deepStrictEqual(yield* call(upstream, "twice"), ["legacy", "first"])
      assert.strictEqual(count("call junk"), 0)
      assert.strictEqual(count("notifications/cancelled"), 0)
    }).pipe(Effect.scoped)
  )

  it.live("because nobody answered at the address is sent once somebody does, in either era", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      for (const isModern of [false, true]) {
        const begin = Effect.promise(async () => {
          if (isModern) return startModern(port, { closes: true })
          const server = await start(port)
          server.behaviour = { closes: true }
          return server
        })
        const before = yield* begin
        const supervised = yield* supervise({
          ...http(before.url),
          restart: { delay: Duration.millis(300) },
          callTimeout: Duration.seconds(30)
        })
        assert.isTrue(isReady(supervised))
        yield* Effect.promise(() => before.close())
        const calling = yield* Effect.forkChild(call(supervised.upstream, "echo"))
        yield* eventually("it is seen to be gone", () => failureOf(supervised.state().status) === "unreachable")
        assert.isUndefined(calling.pollUnsafe())
        const after = yield* Effect.acquireRelease(begin, (server) => Effect.promise(() => server.close()))
        assert.deepStrictEqual(yield* Fiber.join(calling), [isModern ? "modern" : "legacy", "{}"])
        const executed =
          "journal" in after
            ? count(after.journal, "call echo")
            : after.requests.filter((request) => request["mcp-name"] === "echo").length
        assert.strictEqual(executed, 1)
        yield* Effect.promise(() => after.close())
      }
    }).pipe(Effect.scoped)
  )
})

describe("a server that takes no new connections", () => {
  it.live("answers the calls that it has taken", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      server.behaviour = { closes: true }
      const supervised = yield* supervise(remote(server.url))
      const taken = yield* Effect.forkChild(call(supervised.upstream, "slow", { millis: 3000 }))
      yield* eventually("it is taken", () => server.journal.includes("call slow"))
      server.stopListening()
      const late = yield* Effect.forkChild(call(supervised.upstream, "echo"))
      yield* eventually("it is seen to be gone", () => failureOf(supervised.state().status) === "unreachable")
      assert.isUndefined(taken.pollUnsafe())
      assert.deepStrictEqual(yield* Fiber.join(taken), ["legacy", "slow"])
      yield* Fiber.interrupt(late)
    }).pipe(Effect.scoped)
  )
})

describe("a call whose outcome is not known", () => {
  it.live("is made once more where its tool says that it may be and the operator agreed, and never otherwise", () =>
    Effect.gen(function* () {
      for (const retryIdempotent of [false, true]) {
        const local = yield* journaled
        const { upstream } = yield* supervise({ ...local.config, retryIdempotent })
        const server = yield* rawHttp()
        const far = yield* supervise({ ...remote(server.url), retryIdempotent })
        const outcome = (of: Supervised["upstream"], tool: string) =>
          Effect.match(call(of, tool), { onFailure: ({ message }) => message, onSuccess: ([, text]) => String(text) })
        for (const [said, executed] of [
          [yield* outcome(upstream, "exitOnceRead"), local.count("call exitOnceRead")],
          [yield* outcome(far.upstream, "breakRead"), count(server.journal, "call breakRead")]
        ] as const) {
          if (retryIdempotent) assert.match(said, /^still here$|^unbroken$/u)
          else assert.match(said, /^Outcome unknown/u)
          assert.strictEqual(executed, retryIdempotent ? 2 : 1)
        }
        yield* eventually("it is back", () => local.count("start") === 2)
        yield* upstream.settled
        assert.match(yield* outcome(far.upstream, "breakWrite"), /^Outcome unknown/u)
        assert.strictEqual(count(server.journal, "call breakWrite"), 1)
      }
    }).pipe(Effect.scoped)
  )

  it.live("is not made once more of a tool that says nothing of itself", () =>
    Effect.gen(function* () {
      const { config, count: executed } = yield* journaled
      const { upstream } = yield* supervise({ ...config, retryIdempotent: true })
      assert.match((yield* Effect.flip(call(upstream, "exitOnceWrite"))).message, /^Outcome unknown/u)
      yield* eventually("it is back", () => executed("start") === 2)
      assert.strictEqual(executed("call exitOnceWrite"), 1)
    }).pipe(Effect.scoped)
  )
})

describe("a call that was taken, and whose session is forgotten before it is answered", () => {
  it.live("is not made again: the server may be working on it", () =>
    Effect.gen(function* () {
      const server = yield* rawHttp()
      const { upstream } = yield* supervise(remote(server.url))
      const error = yield* Effect.flip(call(upstream, "pollLost"))
      assert.match(
        error.message,
        /^Outcome unknown: .*its stream could not be taken up again: the server ended the session/u
      )
      assert.strictEqual(count(server.journal, "call pollLost"), 1)
      assert.deepStrictEqual(yield* call(upstream, "echo"), ["legacy", "{}"], "in a new session")
    }).pipe(Effect.scoped)
  )
})

describe("a call that shows progress for ever", () => {
  it.live("ends after its maxCallTime, and its server is called as before", () =>
    Effect.gen(function* () {
      const { config } = yield* journaled
      const { upstream } = yield* supervise({ ...config, maxCallTime: Duration.seconds(2) })
      const error = yield* Effect.flip(call(upstream, "slow", { steps: 1000 }))
      assert.match(
        error.message,
        /^Outcome unknown: .* was not done within 2 s; the call was cancelled \(mcpServers\.server\.maxCallTime\)/u
      )
      assert.deepStrictEqual(yield* call(upstream, "echo"), ["legacy", "{}"])
    }).pipe(Effect.scoped)
  )
})
