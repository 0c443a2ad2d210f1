/** Messages to a server of the HTTP+SSE kind: what goes with them, and what becomes of those that it does not take. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import type { Remote } from "../../src/domain/ServerConfig.ts"
import { type Ended, HttpAgent, type HttpRequest } from "../../src/upstream/HttpAgent.ts"
import * as Rpc from "../../src/upstream/Rpc.ts"
import * as SseTransport from "../../src/upstream/SseTransport.ts"
import { ConnectionLost } from "../../src/upstream/Transport.ts"

const receiver = {
  message: () => {},
  junk: () => {},
  isOpen: () => true,
  failed: () => {},
  polling: () => {},
  expired: () => {},
  unreachable: () => {}
}

const unrelated: Rpc.Unrelated = {
  notification: () => {},
  ask: () => Effect.succeed(Rpc.unanswerable("nobody")),
  fault: () => {}
}

const remote: Remote = {
  _tag: "Sse",
  url: Redacted.make("http://localhost/sse"),
  headers: { "X-Key": Redacted.make("k") }
}

/** An agent before a server that names where to POST to; what was sent, and how many POSTs were given up. */
const agent = (post: (ended: Ended) => void = (ended) => ended(undefined)) => {
  const requests: Array<HttpRequest> = []
  let givenUp = 0
  const service: HttpAgent["Service"] = {
    maxMessage: 1024,
    buffers: new ByteBudget(1024),
    begin: (request, sink, ended) => {
      requests.push(request)
      const isStream = request.method === "GET"
      const type = isStream ? "text/event-stream" : undefined
      sink.head({ status: isStream ? 200 : 202, header: (name) => (name === "content-type" ? type : undefined) })
      if (isStream) sink.data(Buffer.from("event: endpoint\ndata: /messages\n\n"))
      else post(ended)
      return () => void (isStream || givenUp++)
    }
  }
  return { requests, service, givenUp: () => givenUp }
}

describe("a message over HTTP+SSE", () => {
  it.effect("takes headers of its own along, beside those of the server, and others do not have them", () =>
    Effect.gen(function* () {
      const { requests, service } = agent()
      const transport = yield* SseTransport.open(remote)(receiver).pipe(Effect.provideService(HttpAgent, service))
      yield* transport.send([Buffer.from("{}")], 1, { traceparent: "00-1-2-01" })
      yield* Effect.yieldNow
      yield* transport.send([Buffer.from("{}")])
      const posts = requests.filter(({ method }) => method === "POST").map(({ headers }) => headers)
      assert.deepInclude(posts[0], { traceparent: "00-1-2-01", "x-key": "k" })
      assert.notProperty(posts[1], "traceparent")
    }).pipe(Effect.scoped)
  )

  it.effect("is given up like any other call where the server does not even take it", () =>
    Effect.gen(function* () {
      const { givenUp, service } = agent(() => {})
      const rpc = yield* Rpc.open(SseTransport.open(remote), unrelated, {
        callTimeout: Duration.seconds(3),
        maxCallTime: Duration.minutes(1)
      }).pipe(Effect.provideService(HttpAgent, service))
      const call = yield* Effect.forkChild(
        Effect.flip(rpc.request((id) => [Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call" }))]))
      )
      yield* TestClock.adjust("5 seconds")
      assert.deepInclude(yield* Fiber.join(call), { _tag: "Silent", limit: "callTimeout", unsent: false })
      assert.strictEqual(givenUp(), 1, "the POST, not the word that the call is cancelled")
    }).pipe(Effect.scoped)
  )

  it.effect("that cannot be handed over fails its request, and says where nothing more can be sent", () =>
    Effect.gen(function* () {
      const lost = new ConnectionLost({ reason: "ECONNREFUSED", unsent: true })
      const told: Array<unknown> = []
      const { service } = agent((ended) => ended(Cause.fail(lost)))
      const transport = yield* SseTransport.open(remote)({
        ...receiver,
        failed: (request, error) => void told.push([request, error]),
        unreachable: (error) => void told.push(error)
      }).pipe(Effect.provideService(HttpAgent, service))
      yield* transport.send([Buffer.from("{}")], 7)
      yield* Effect.yieldNow
      assert.deepStrictEqual(told, [lost, [7, lost]])
    }).pipe(Effect.scoped)
  )
})
