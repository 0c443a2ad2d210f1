/** What goes with a message to a server of the HTTP+SSE kind. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import type { Remote } from "../../src/domain/ServerConfig.ts"
import { HttpAgent, type HttpRequest } from "../../src/upstream/HttpAgent.ts"
import * as SseTransport from "../../src/upstream/SseTransport.ts"

const receiver = {
  message: () => {},
  junk: () => {},
  isOpen: () => true,
  failed: () => {},
  polling: () => {},
  expired: () => {},
  unreachable: () => {}
}

/** An agent before a server that names where to POST to, and takes what is POSTed; what was sent. */
const agent = () => {
  const requests: Array<HttpRequest> = []
  const service: HttpAgent["Service"] = {
    maxMessage: 1024,
    buffers: new ByteBudget(1024),
    exchange: (request, sink) =>
      Effect.suspend(() => {
        requests.push(request)
        const isStream = request.method === "GET"
        const type = isStream ? "text/event-stream" : undefined
        sink.head({ status: isStream ? 200 : 202, header: (name) => (name === "content-type" ? type : undefined) })
        if (isStream) sink.data(Buffer.from("event: endpoint\ndata: /messages\n\n"))
        return isStream ? Effect.never : Effect.void
      })
  }
  return { requests, service }
}

describe("a message over HTTP+SSE", () => {
  it.effect("takes headers of its own along, beside those of the server, and others do not have them", () =>
    Effect.gen(function* () {
      const { requests, service } = agent()
      const remote: Remote = {
        _tag: "Sse",
        url: Redacted.make("http://localhost/sse"),
        headers: { "X-Key": Redacted.make("k") }
      }
      const transport = yield* SseTransport.open(remote)(receiver).pipe(Effect.provideService(HttpAgent, service))
      yield* transport.send(Buffer.from("{}"), 1, { traceparent: "00-1-2-01" })
      yield* transport.send(Buffer.from("{}"))
      const posts = requests.filter(({ method }) => method === "POST").map(({ headers }) => headers)
      assert.deepInclude(posts[0], { traceparent: "00-1-2-01", "x-key": "k" })
      assert.notProperty(posts[1], "traceparent")
    }).pipe(Effect.scoped)
  )
})
