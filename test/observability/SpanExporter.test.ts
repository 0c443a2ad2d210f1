/** Spans on their way to a collector: in batches, bounded, counted, and nobody's trouble but the log's. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as OtlpResource from "effect/observability/OtlpResource"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as Collector from "../../src/observability/Collector.ts"
import * as Sampler from "../../src/observability/Sampler.ts"
import * as SpanExporter from "../../src/observability/SpanExporter.ts"
import { SpanQueue } from "../../src/observability/SpanQueue.ts"
import * as Tracing from "../../src/observability/Tracing.ts"
import { collectingLogs } from "../support/logged.ts"

const URL_OF_TRACES = new URL("http://user:secret-password@collector.example:4318/v1/traces")

interface Sent {
  readonly headers: Readonly<Record<string, string>>
  readonly spans: ReadonlyArray<{ readonly name: string; readonly [key: string]: unknown }>
}

/** An exporter before a collector that answers as the test says; what the latter was sent. */
const exporting = Effect.gen(function* () {
  const received: Array<Sent> = []
  const collector = {
    answer: Effect.succeed(200) as Effect.Effect<number>,
    asked: 0,
    givenUp: Deferred.makeUnsafe<void>()
  }
  const plain = HttpClient.make((request) =>
    Effect.gen(function* () {
      collector.asked++
      const status = yield* collector.answer
      const { body } = request
      if (body._tag !== "Uint8Array") return yield* Effect.die(new Error(body._tag))
      const { resourceSpans } = JSON.parse(Buffer.from(body.body).toString())
      if (status === 200) received.push({ headers: request.headers, spans: resourceSpans[0].scopeSpans[0].spans })
      return HttpClientResponse.fromWeb(request, new Response("{}", { status }))
    })
  )
  const client = Collector.make(plain, {
    signal: "traces",
    timeout: Duration.seconds(10),
    url: URL_OF_TRACES,
    givenUp: collector.givenUp
  })
  const { flush, keep, queue } = yield* SpanExporter.make({
    url: URL_OF_TRACES,
    headers: { "x-key": "secret-header" },
    compression: "none",
    resource: OtlpResource.make({ serviceName: "test" })
  }).pipe(Effect.provideService(HttpClient.HttpClient, client), Effect.provide(OtlpSerialization.layerJson))
  const tracer = yield* Tracing.make(Sampler.make("always_on", 1), keep)
  return {
    queue,
    flush,
    received,
    collector,
    make: (count: number, name = "x") => {
      for (let index = 0; index < count; index++) new Tracing.Span(tracer, `${name}${index}`, "server", undefined).end()
    },
    tracer
  }
})

const lines = (logged: ReadonlyArray<{ readonly level: string; readonly text: string }>) =>
  logged.filter(({ level }) => level !== "Debug").map(({ level, text }) => `${level} ${text}`)

describe("spans", () => {
  it.effect("go in batches: of what has come within five seconds, and at once where there are many", () =>
    Effect.gen(function* () {
      const { make, queue, received } = yield* exporting
      make(3)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(received.length, 0)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        received.map(({ spans }) => spans.map(({ name }) => name)),
        [["x0", "x1", "x2"]]
      )
      make(1100)
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(
        received.map(({ spans }) => spans.length),
        [3, 512, 512, 76]
      )
      assert.deepInclude(received[0]?.headers, { "x-key": "secret-header", "content-type": "application/json" })
      assert.match(received[0]?.headers["user-agent"] ?? "", /^OTel-OTLP-Exporter-mcp-proxy\//u)
      assert.deepStrictEqual([queue.delivered, queue.dropped, queue.waiting], [1103, 0, 0])
    }).pipe(Effect.scoped)
  )

  it.effect("are what OTLP has for a span", () =>
    Effect.gen(function* () {
      const { received, tracer } = yield* exporting
      const link = { traceId: "1".repeat(32), spanId: "2".repeat(16), sampled: true, state: undefined }
      const parent = { traceId: "3".repeat(32), spanId: "4".repeat(16), sampled: true, state: "a=b" }
      const server = new Tracing.Span(tracer, "tools/call a", "server", parent, link)
      const client = server.ask("tools/call b")
      client.attributes["error.type"] = "1504"
      client.attributes["a.number"] = 5
      client.failed = true
      yield* TestClock.adjust("2 seconds")
      client.end()
      server.end()
      yield* TestClock.adjust("5 seconds")
      const [first, second] = received[0]?.spans ?? []
      assert.deepInclude(first, {
        traceId: parent.traceId,
        parentSpanId: server.context.spanId,
        name: "tools/call b",
        kind: 3,
        attributes: [
          { key: "error.type", value: { stringValue: "1504" } },
          { key: "a.number", value: { intValue: 5 } }
        ],
        status: { code: 2 }
      })
      assert.deepInclude(second, {
        parentSpanId: parent.spanId,
        kind: 2,
        status: { code: 0 },
        links: [{ traceId: link.traceId, spanId: link.spanId, attributes: [], droppedAttributesCount: 0 }]
      })
      assert.strictEqual(
        BigInt(String(first?.["endTimeUnixNano"])) - BigInt(String(first?.["startTimeUnixNano"])),
        2_000_000_000n
      )
    }).pipe(Effect.scoped)
  )

  it.effect("wait for a collector that is away, so many of them; the rest is counted, and said once", () =>
    Effect.gen(function* () {
      const [{ collector, queue, received }, logged] = yield* collectingLogs(
        Effect.gen(function* () {
          const exporter = yield* exporting
          const { collector, make, queue } = exporter
          collector.answer = Effect.succeed(503)
          make(1000, "early")
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual([queue.waiting, queue.dropped], [1000, 0])
          make(SpanQueue.CAPACITY + 52, "late")
          yield* TestClock.adjust("10 minutes")
          assert.deepStrictEqual([queue.waiting, queue.dropped], [SpanQueue.CAPACITY, 1052])
          collector.answer = Effect.succeed(200)
          yield* TestClock.adjust("30 seconds")
          return exporter
        })
      )
      assert.deepStrictEqual([queue.waiting, queue.delivered, queue.dropped], [0, SpanQueue.CAPACITY, 1052])
      assert.strictEqual(received[0]?.spans[0]?.name, "early0")
      assert.isBelow(collector.asked, 50)
      const said = lines(logged)
      assert.strictEqual(said.length, 4, said.join("\n"))
      assert.match(
        said[0] ?? "",
        /^Warn The OpenTelemetry collector at http:\/\/collector\.example:4318 does not take traces: HTTP 503/u
      )
      assert.match(said[1] ?? "", /^Warn Spans are dropped/u)
      assert.deepStrictEqual(said.slice(2), [
        "Info The OpenTelemetry collector at http://collector.example:4318 takes traces again",
        "Info 1052 spans were dropped"
      ])
      assert.notInclude(said.join("\n"), "secret")
    }).pipe(Effect.scoped)
  )

  it.effect("that a collector will not have are given up, and others tried", () =>
    Effect.gen(function* () {
      const { collector, make, queue, received } = yield* exporting
      collector.answer = Effect.succeed(400)
      make(2)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([queue.waiting, queue.dropped, collector.asked], [0, 2, 1])
      collector.answer = Effect.succeed(200)
      make(1, "good")
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(
        received.map(({ spans }) => spans.length),
        [1]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("are not held up for ever by a collector that does not answer", () =>
    Effect.gen(function* () {
      const { collector, make, queue } = yield* exporting
      collector.answer = Effect.never
      make(1)
      yield* TestClock.adjust("5 seconds")
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(collector.asked, 1)
      collector.answer = Effect.succeed(200)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([collector.asked, queue.delivered], [2, 1])
    }).pipe(Effect.scoped)
  )

  it.effect("are delivered at the end, each once, what was under way too", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { collector, make, queue, received } = yield* exporting.pipe(Scope.provide(scope))
      const gate = yield* Deferred.make<number>()
      collector.answer = Deferred.await(gate)
      make(600)
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(collector.asked, 1)
      collector.answer = Effect.succeed(200)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(received.flatMap(({ spans }) => spans).length, 600)
      assert.deepStrictEqual([queue.waiting, queue.delivered], [0, 600])
    })
  )

  it.effect(
    "that cannot be delivered at the end do not hold it up for more than three seconds, and are mentioned",
    () =>
      Effect.gen(function* () {
        const [, logged] = yield* collectingLogs(
          Effect.gen(function* () {
            const scope = yield* Scope.make()
            const { collector, make } = yield* exporting.pipe(Scope.provide(scope))
            collector.answer = Effect.never
            make(7)
            const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
            yield* TestClock.adjust("3 seconds")
            assert.isDefined(closing.pollUnsafe())
          })
        )
        assert.deepStrictEqual(lines(logged), ["Warn 7 spans could not be delivered and are lost"])
      })
  )
})

describe("what is asked for at once", () => {
  it.effect("is delivered at once, and not a second time by who was at it", () =>
    Effect.gen(function* () {
      const { collector, flush, make, queue, received } = yield* exporting
      yield* flush
      assert.strictEqual(collector.asked, 0)
      const gate = yield* Deferred.make<number>()
      collector.answer = Deferred.await(gate)
      make(600)
      yield* TestClock.adjust("1 milli")
      const flushing = yield* Effect.forkChild(flush)
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(collector.asked, 1)
      collector.answer = Effect.succeed(200)
      yield* Deferred.succeed(gate, 200)
      yield* Fiber.join(flushing)
      assert.strictEqual(received.flatMap(({ spans }) => spans).length, 600)
      assert.strictEqual(queue.waiting, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("that is under way ends when it has been waited for in vain", () =>
    Effect.gen(function* () {
      const { collector, flush, make } = yield* exporting
      collector.answer = Effect.never
      make(1)
      const flushing = yield* Effect.forkChild(flush)
      yield* TestClock.adjust("1 milli")
      assert.isUndefined(flushing.pollUnsafe())
      yield* Deferred.succeed(collector.givenUp, undefined)
      yield* Fiber.join(flushing)
    }).pipe(Effect.scoped)
  )

  it.effect("is not tried again where it was waited for in vain at the end", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { collector, make } = yield* exporting.pipe(Scope.provide(scope))
      make(1)
      yield* Deferred.succeed(collector.givenUp, undefined)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(collector.asked, 0)
    })
  )
})

describe("the way to a collector", () => {
  it.effect("takes no more than two requests at a time", () =>
    Effect.gen(function* () {
      let asked = 0
      const plain = HttpClient.make(() =>
        Effect.andThen(
          Effect.sync(() => asked++),
          Effect.never
        )
      )
      const url = new URL("http://localhost:4318/v1/logs")
      const timeout = Duration.seconds(10)
      const client = Collector.make(plain, { signal: "logs", timeout, url, givenUp: Deferred.makeUnsafe<void>() })
      for (let index = 0; index < 5; index++) yield* Effect.forkChild(Effect.exit(client.post(url)))
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(asked, 2)
      yield* TestClock.adjust("10 seconds")
      yield* Effect.forkChild(Effect.exit(client.post(url)))
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(asked, 3)
    })
  )
})
