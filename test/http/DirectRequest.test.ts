/** A request on the direct path is answered whatever its answer is made of, whenever it comes, and however it fails. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as DirectPath from "../../src/http/DirectPath.ts"
import { Later } from "../../src/http/Later.ts"
import type { Answer } from "../../src/http/McpEndpoint.ts"
import { arrived } from "../support/memoryGateway.ts"

/** A server of its own on which the path is the only way, and every answer of `handle` goes by it. */
const alone = Effect.fnUntraced(function* (
  handle: Effect.Effect<Answer>,
  came: (outgoing: ServerResponse) => void = () => {}
) {
  const direct = yield* DirectPath.make("/mcp", () => handle)
  const taken: Array<boolean> = []
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const made = createServer((incoming, outgoing) => {
        came(outgoing)
        incoming.resume().once("end", () => {
          taken.push(direct(incoming, outgoing))
          if (taken.at(-1) === false) outgoing.end("not taken")
        })
      })
      made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
    }),
    (made) => Effect.sync(() => made.close().closeAllConnections())
  )
  const { port } = server.address() as AddressInfo
  const ask = (path: string, method: string, signal?: AbortSignal) =>
    Effect.promise(() =>
      fetch(`http://127.0.0.1:${port}${path}`, { method, ...(signal === undefined ? {} : { signal }) })
    )
  return { ask, taken }
})

describe("a request on the direct path", () => {
  it.live("is one POST to that path, whatever its answer is made of", () =>
    Effect.gen(function* () {
      const answers = [
        HttpServerResponse.uint8Array(new Uint8Array([0xff, 0x00, 0xc3]), { contentType: "application/json" }),
        HttpServerResponse.uint8Array(new Uint8Array(100_000).fill(0xe9), { contentType: "application/json" }),
        HttpServerResponse.stream(Stream.make(new Uint8Array([1]), new Uint8Array([2]))),
        HttpServerResponse.empty({ status: 202 })
      ]
      const { ask, taken } = yield* alone(Effect.sync(() => answers.shift() ?? HttpServerResponse.empty()))
      const bytes = Effect.fnUntraced(function* () {
        const answer = yield* ask("/mcp", "POST")
        return [...new Uint8Array(yield* Effect.promise(() => answer.arrayBuffer()))]
      })
      assert.deepStrictEqual(yield* bytes(), [0xff, 0x00, 0xc3])
      assert.deepStrictEqual(
        yield* bytes(),
        Array.from({ length: 100_000 }, () => 0xe9)
      )
      assert.deepStrictEqual(yield* bytes(), [1, 2])
      assert.strictEqual((yield* ask("/mcp", "POST")).status, 202)
      yield* ask("/mcp", "GET")
      yield* ask("/mcp/x", "POST")
      assert.deepStrictEqual(taken, [true, true, true, true, false, false])
    }).pipe(Effect.scoped)
  )

  it.live("is written once all that were ready in the same turn have been dealt with", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const all = yield* Deferred.make<void>()
      const order: Array<string> = []
      let count = 0
      const handled = Effect.sync(() => {
        order.push("handled")
        return HttpServerResponse.uint8Array(new Uint8Array([1]))
      })
      const handle = Effect.suspend(() => {
        if (++count === 3) Deferred.doneUnsafe(all, Exit.void)
        return Effect.andThen(Deferred.await(go), handled)
      })
      const { ask } = yield* alone(handle, (outgoing) => {
        const writeHead = outgoing.writeHead.bind(outgoing)
        outgoing.writeHead = ((...head: Parameters<typeof writeHead>) => {
          order.push("written")
          return writeHead(...head)
        }) as typeof outgoing.writeHead
      })
      const asking = yield* Effect.forkScoped(
        Effect.all([ask("/mcp", "POST"), ask("/mcp", "POST"), ask("/mcp", "POST")], { concurrency: "unbounded" })
      )
      yield* Deferred.await(all)
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(asking)
      assert.deepStrictEqual(order, ["handled", "handled", "handled", "written", "written", "written"])
    }).pipe(Effect.scoped)
  )

  it.live("whose answer cannot be written is answered 500, and the others all the same", () =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const all = yield* Deferred.make<void>()
      let count = 0
      const handle = Effect.suspend(() => {
        const number = ++count
        if (number === 2) Deferred.doneUnsafe(all, Exit.void)
        const headers = number === 1 ? { "x-broken": "a\nb" } : {}
        return Effect.as(Deferred.await(go), HttpServerResponse.uint8Array(new Uint8Array([1]), { headers }))
      })
      const { ask } = yield* alone(handle)
      const asking = yield* Effect.forkScoped(
        Effect.all([ask("/mcp", "POST"), ask("/mcp", "POST")], { concurrency: "unbounded" })
      )
      yield* Deferred.await(all)
      yield* Deferred.succeed(go, undefined)
      const statuses = (yield* Fiber.join(asking)).map(({ status }) => status)
      assert.deepStrictEqual(
        statuses.sort((a, b) => a - b),
        [200, 500]
      )
    }).pipe(Effect.scoped)
  )

  it.live("whose handler dies is answered 500, however it dies", () =>
    Effect.gen(function* () {
      const death = Effect.die(new Error("on purpose"))
      const later = new Later<HttpServerResponse.HttpServerResponse>((hear) => hear(() => death))
      const throwing = new Later<HttpServerResponse.HttpServerResponse>(() => {
        throw new Error("on purpose")
      })
      const deaths: Array<Effect.Effect<Answer>> = [
        death,
        Effect.succeed(later),
        Effect.delay(Effect.succeed(later), "1 millis")
      ]
      deaths.push(Effect.succeed(throwing), Effect.delay(Effect.succeed(throwing), "1 millis"))
      for (const one of deaths) {
        const { ask } = yield* alone(one)
        assert.strictEqual((yield* ask("/mcp", "POST")).status, 500)
      }
    }).pipe(Effect.scoped)
  )

  it.live("whose answer comes later is answered then, whether it was known at once or is a stream", () =>
    Effect.gen(function* () {
      const heard: Array<(answer: () => Effect.Effect<HttpServerResponse.HttpServerResponse>) => void> = []
      const { ask } = yield* alone(Effect.sync(() => new Later((hear) => void heard.push(hear))))
      const asking = yield* Effect.forkScoped(
        Effect.forEach(
          [1, 2, 3],
          () => Effect.flatMap(ask("/mcp", "POST"), (answer) => Effect.promise(() => answer.arrayBuffer())),
          { concurrency: "unbounded" }
        )
      )
      yield* arrived(() => heard.length === 3)
      const stream = HttpServerResponse.stream(Stream.make(new Uint8Array([2]), new Uint8Array([2])))
      heard[0]?.(() => Effect.succeed(HttpServerResponse.uint8Array(new Uint8Array([1]))))
      heard[1]?.(() => Effect.delay(Effect.succeed(stream), "5 millis"))
      heard[2]?.(() => Effect.succeed(HttpServerResponse.uint8Array(new Uint8Array(20_000))))
      const lengths = (yield* Fiber.join(asking)).map(({ byteLength }) => byteLength)
      assert.deepStrictEqual(
        lengths.sort((a, b) => a - b),
        [1, 2, 20_000]
      )
    }).pipe(Effect.scoped)
  )

  it.live("whose answer comes when its client is gone is not answered, and the next one is", () =>
    Effect.gen(function* () {
      const heard: Array<(answer: () => Effect.Effect<HttpServerResponse.HttpServerResponse>) => void> = []
      let isGone = false
      const { ask } = yield* alone(
        Effect.sync(() => new Later((hear) => void heard.push(hear))),
        (outgoing) => outgoing.once("close", () => (isGone = true))
      )
      yield* Effect.flatMap(Effect.abortSignal, (signal) => ask("/mcp", "POST", signal)).pipe(
        Effect.scoped,
        Effect.exit,
        Effect.raceFirst(arrived(() => heard.length === 1))
      )
      yield* arrived(() => isGone)
      heard[0]?.(() => Effect.succeed(HttpServerResponse.empty()))
      const next = yield* Effect.forkScoped(ask("/mcp", "POST"))
      yield* arrived(() => heard.length === 2)
      heard[1]?.(() => Effect.succeed(HttpServerResponse.empty({ status: 202 })))
      assert.strictEqual((yield* Fiber.join(next)).status, 202)
    }).pipe(Effect.scoped)
  )

  it.live("whose client goes away is given up", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const givenUp = yield* Deferred.make<void>()
      const wait = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const { ask } = yield* alone(Effect.onInterrupt(wait, () => Deferred.succeed(givenUp, undefined)))
      const asking = yield* Effect.forkScoped(
        Effect.flatMap(Effect.abortSignal, (signal) => ask("/mcp", "POST", signal)).pipe(Effect.scoped, Effect.exit)
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(asking)
      yield* Deferred.await(givenUp)
    }).pipe(Effect.scoped)
  )

  it.live("whose answer is a stream that breaks is not taken for answered", () =>
    Effect.gen(function* () {
      const broken = Stream.concat(Stream.make(new Uint8Array([1])), Stream.die(new Error("on purpose")))
      const { ask } = yield* alone(Effect.succeed(HttpServerResponse.stream(broken)))
      const whole = Effect.flatMap(ask("/mcp", "POST"), (answer) => Effect.promise(() => answer.arrayBuffer()))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(whole)))
    }).pipe(Effect.scoped)
  )

  it.live("whose answer is a stream ends it when its client goes away", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const endless = Stream.concat(Stream.make(new Uint8Array([1])), Stream.never)
      const body = Stream.ensuring(endless, Deferred.succeed(ended, undefined))
      const { ask } = yield* alone(Effect.succeed(HttpServerResponse.stream(body)))
      yield* Effect.flatMap(Effect.abortSignal, (signal) => ask("/mcp", "POST", signal)).pipe(Effect.scoped)
      yield* Deferred.await(ended)
    }).pipe(Effect.scoped)
  )

  it.live("whose answer is a stream is sent no faster than it is read", () =>
    Effect.gen(function* () {
      const PIECE = 64 * 1024
      /** More than all buffers on the way take. */
      const AHEAD = 32 * 1024 * 1024
      let sent = 0
      const endless = Stream.fromEffectRepeat(Effect.sync(() => ((sent += PIECE), new Uint8Array(PIECE))))
      const { ask } = yield* alone(Effect.succeed(HttpServerResponse.stream(endless)))
      const reader = (yield* ask("/mcp", "POST")).body!.getReader()
      for (let read = 0; read < 2 * AHEAD;) {
        read += (yield* Effect.promise(() => reader.read())).value?.length ?? 0
        assert.isBelow(sent - read, AHEAD)
      }
    }).pipe(Effect.scoped)
  )
})
