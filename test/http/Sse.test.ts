/** Event streams: one message is one event, whatever it contains, and the stream says how to come back to it. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { createParser, type EventSourceMessage } from "eventsource-parser"
import * as fc from "fast-check"
import * as Json from "../../src/domain/Json.ts"
import type { Delivery } from "../../src/gateway/EventLog.ts"
import * as Sse from "../../src/http/Sse.ts"
import { responseText, space, valueText } from "../support/jsonText.ts"
import { settle } from "../support/settle.ts"

type Parts = Parameters<typeof Sse.response>[0]

const respond = (
  deliveries: Stream.Stream<Delivery>,
  more: Partial<Parts> = {}
): HttpServerResponse.HttpServerResponse =>
  Sse.response({ deliveries, onItsWay: undefined, prefix: "p", primed: false, ...more })

const bodyOf = (response: HttpServerResponse.HttpServerResponse): Stream.Stream<Uint8Array, unknown> => {
  if (response.body._tag !== "Stream") throw new Error(`the body is ${response.body._tag}`)
  return response.body.stream
}

const events = (...messages: ReadonlyArray<string>): Delivery => ({
  _tag: "Events",
  events: messages.map((message, index) => ({ sequence: index + 1, message: Json.utf8(message) })),
  sent: () => {}
})

const written = (deliveries: ReadonlyArray<Delivery>, more: Partial<Parts> = {}) =>
  Effect.map(Stream.runCollect(bodyOf(respond(Stream.fromIterable(deliveries), more))), (chunks) =>
    Buffer.concat([...chunks]).toString()
  )

interface Parsed {
  readonly events: ReadonlyArray<EventSourceMessage>
  readonly retries: ReadonlyArray<number>
  readonly errors: ReadonlyArray<unknown>
}

const parse = (text: string): Parsed => {
  const events: Array<EventSourceMessage> = []
  const retries: Array<number> = []
  const errors: Array<unknown> = []
  const parser = createParser({
    onEvent: (event) => void events.push(event),
    onRetry: (retry) => void retries.push(retry),
    onError: (error) => void errors.push(error)
  })
  parser.feed(text)
  return { events, retries, errors }
}

describe("a message", () => {
  const anyMessage = fc.oneof(
    responseText.map(({ text }) => text),
    fc.tuple(space, valueText, space).map((parts) => parts.join("")),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom(
      '{"a":1}\n\nevent: forged\ndata: {"b":2}\n\n',
      '{"a":1}\r\rdata: forged\r\r',
      '{"a":1}\r\nid: 9\r\n\r\n',
      ":",
      " {}",
      "data: x",
      "\u2028\u2029\u0085",
      "\ufeff{}",
      '"\u0000"',
      ""
    )
  )

  it.effect("is exactly one event, whatever it contains: on one line, and otherwise as it was", () =>
    Effect.gen(function* () {
      for (const messages of fc.sample(fc.array(anyMessage, { minLength: 1, maxLength: 5 }), 300)) {
        const { errors, events: found } = parse(yield* written([events(...messages)]))
        assert.deepStrictEqual(errors, [])
        assert.deepStrictEqual(
          found.map(({ data, event, id }) => [event, id, data]),
          messages.map((message, index) => ["message", `p-${index + 1}`, message.replace(/[\r\n]/gu, " ")])
        )
      }
    })
  )

  it.effect("means the same JSON as before", () =>
    Effect.gen(function* () {
      for (const { text } of fc.sample(responseText, 200)) {
        const [event] = parse(yield* written([events(text)])).events
        assert.deepStrictEqual(JSON.parse(event?.data ?? ""), JSON.parse(text))
      }
    })
  )

  it.effect("goes out at once, not when the next one comes", () =>
    Effect.gen(function* () {
      const queue = yield* Queue.unbounded<Delivery>()
      const chunks: Array<string> = []
      const body = bodyOf(respond(Stream.fromQueue(queue)))
      yield* Effect.forkChild(
        Stream.runForEach(body, (chunk) => Effect.sync(() => chunks.push(Buffer.from(chunk).toString())))
      )
      for (const text of ["1", "2"]) {
        yield* Queue.offer(queue, events(text))
        yield* settle
        assert.strictEqual(chunks.at(-1), `event: message\nid: p-1\ndata: ${text}\n\n`)
      }
    })
  )
})

describe("a stream", () => {
  it.effect("begins with an id to come back to, where its client knows such an event", () =>
    Effect.gen(function* () {
      const primed = yield* written([events("{}")], { primed: true })
      const { events: found, retries } = parse(primed)
      assert.deepStrictEqual([found[0]?.id, found[0]?.data], ["p-0", ""])
      assert.strictEqual(found.length, 2)
      assert.deepStrictEqual(retries, [2000])
      assert.isTrue((yield* written([events("{}")])).startsWith("event: message\nid: p-1\n"))
    })
  )

  it.effect("that is closed for now says when to come back, as its server said or as we say", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* written([{ _tag: "ComeBack", retryMillis: 750 }]), "retry: 750\n\n")
      assert.strictEqual(yield* written([{ _tag: "ComeBack", retryMillis: undefined }]), "retry: 2000\n\n")
      const { events: found, retries } = parse(yield* written([events("{}"), { _tag: "ComeBack", retryMillis: 5 }]))
      assert.deepStrictEqual([found.length, retries], [1, [5]])
    })
  )

  it.effect("says that it lives in a way that no client takes for an event", () =>
    Effect.gen(function* () {
      const text = yield* written([{ _tag: "Alive" }, events("{}"), { _tag: "Alive" }])
      assert.isTrue(text.startsWith(":\n\n") && text.endsWith(":\n\n"))
      const { errors, events: found } = parse(text)
      assert.deepStrictEqual([found.length, errors], [1, []])
    })
  )

  it.effect("has its head sent at once, also where there is nothing to say for long", () =>
    Effect.gen(function* () {
      const first = yield* Stream.runHead(bodyOf(respond(Stream.never, { silent: true })))
      assert.strictEqual(Option.getOrThrow(first).length, 0)
    })
  )

  it.effect("ends with what it delivers", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* written([]), "")
    })
  )

  it("is not kept, changed or held back by what stands between", () => {
    const { headers, status } = respond(Stream.empty)
    assert.strictEqual(status, 200)
    assert.strictEqual(headers["content-type"], "text/event-stream")
    assert.strictEqual(headers["cache-control"], "no-cache, no-transform")
    assert.strictEqual(headers["x-accel-buffering"], "no")
  })
})

describe("what a connection has not taken yet", () => {
  it.effect("is not said to be sent, until it asks for more", () =>
    Effect.gen(function* () {
      const sent: Array<string> = []
      const said = (word: string): Delivery => ({ ...events(word), sent: () => sent.push(word) }) as Delivery
      const taken: Array<string> = []
      const gates = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const body = bodyOf(respond(Stream.rechunk(Stream.make(said("a"), said("b"), said("c")), 1)))
      const fiber = yield* Effect.forkScoped(
        Stream.runForEach(body, (bytes) => {
          taken.push(/data: (.)/u.exec(Buffer.from(bytes).toString())?.[1] ?? "")
          const gate = gates[taken.length - 1]
          return gate === undefined ? Effect.void : Deferred.await(gate)
        })
      )
      yield* settle
      assert.deepStrictEqual([taken, sent], [["a"], []])
      yield* Deferred.succeed(gates[0]!, undefined)
      yield* settle
      assert.deepStrictEqual([taken, sent], [["a", "b"], ["a"]])
      yield* Deferred.succeed(gates[1]!, undefined)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(sent, ["a", "b", "c"])
    }).pipe(Effect.scoped)
  )
})
