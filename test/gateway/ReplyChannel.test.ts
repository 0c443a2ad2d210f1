/** How one POST is answered: JSON where nothing comes before the answer, else a stream; a batch as one. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import * as Json from "../../src/domain/Json.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import type { EventLog } from "../../src/gateway/EventLog.ts"
import { type Reply, ReplyChannel } from "../../src/gateway/ReplyChannel.ts"
import { eventLogs } from "../support/eventLog.ts"
import { settle } from "../support/settle.ts"

interface Options {
  readonly acceptsStream?: boolean
  readonly prefersStream?: boolean
  readonly buffers?: ByteBudget
  readonly batchOf?: number
}

const channel = ({ acceptsStream = true, batchOf, buffers, prefersStream = false }: Options = {}): ReplyChannel =>
  new ReplyChannel({
    logs: eventLogs(0, buffers),
    session: SessionKey.make("s"),
    owner: undefined,
    request: "1",
    revision: "2025-03-26",
    acceptsStream,
    prefersStream,
    ...(batchOf === undefined ? {} : { batchOf })
  })

const answer = (to: ReplyChannel, ...messages: ReadonlyArray<string>): void => {
  for (const message of messages) to.answer([Json.utf8(message)])
}

const emit = (to: ReplyChannel, message: string): boolean => to.emit(Json.utf8(message))

/** The reply, if it is decided by now. */
const decided = (of: ReplyChannel) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkScoped(of.reply)
    yield* settle
    const exit = fiber.pollUnsafe()
    return exit?._tag === "Success" ? Option.some(exit.value) : Option.none()
  })

const jsonOf = (reply: Reply): string => (reply._tag === "Json" ? Buffer.concat(reply.body).toString() : reply._tag)

const said = (log: EventLog) =>
  Effect.map(Stream.runCollect(log.read(0) ?? Stream.empty), (deliveries) =>
    [...deliveries].flatMap((delivery) =>
      delivery._tag === "Events" ? delivery.events.map(({ message }) => Buffer.from(message).toString()) : []
    )
  )

const streamed = (of: ReplyChannel) =>
  Effect.flatMap(of.reply, (reply) => (reply._tag === "Stream" ? said(reply.log) : Effect.die("it is JSON")))

describe("a single answer", () => {
  it.effect("with nothing before it is JSON, byte for byte", () =>
    Effect.gen(function* () {
      const one = channel()
      assert.isTrue(Option.isNone(yield* decided(one)))
      answer(one, '{"id": 1,\n"result":{}}')
      assert.strictEqual(jsonOf(yield* one.reply), '{"id": 1,\n"result":{}}')
    })
  )

  it.effect("after a notification is a stream of both, which then ends", () =>
    Effect.gen(function* () {
      const one = channel()
      assert.isTrue(emit(one, "progress"))
      assert.isTrue(Option.isSome(yield* decided(one)))
      emit(one, "more progress")
      answer(one, "answer")
      assert.deepStrictEqual(yield* streamed(one), ["progress", "more progress", "answer"])
    })
  )

  it.effect("is a stream where its client prefers one, and none before there is something to say", () =>
    Effect.gen(function* () {
      const one = channel({ prefersStream: true })
      assert.isTrue(Option.isNone(yield* decided(one)))
      answer(one, "answer")
      assert.deepStrictEqual(yield* streamed(one), ["answer"])
      const refused = channel({ prefersStream: true, acceptsStream: false })
      answer(refused, "answer")
      assert.strictEqual(jsonOf(yield* refused.reply), "answer")
    })
  )

  it.effect("that takes long is a stream after ten seconds, or one where its client prefers that", () =>
    Effect.gen(function* () {
      for (const { prefersStream, seconds } of [
        { prefersStream: false, seconds: 10 },
        { prefersStream: true, seconds: 1 }
      ]) {
        const one = channel({ prefersStream })
        one.reassure(seconds - 1)
        assert.isTrue(Option.isNone(yield* decided(one)))
        one.reassure(seconds)
        assert.isTrue(Option.isSome(yield* decided(one)))
        answer(one, "answer")
        assert.deepStrictEqual(yield* streamed(one), ["answer"])
      }
    })
  )

  it.effect("for which a stream has no room is the word of that, and what was said before it stays", () =>
    Effect.gen(function* () {
      const buffers = new ByteBudget(1000)
      const one = channel({ buffers })
      emit(one, "progress")
      assert.isTrue(buffers.take(buffers.limit - buffers.taken), "not even for that word")
      answer(one, `{"jsonrpc":"2.0","id":7,"result":"${"x".repeat(2000)}"}`)
      const [progress, last, ...more] = yield* streamed(one)
      assert.deepStrictEqual([progress, more], ["progress", []])
      assert.match(last ?? "", /"id":7,"error":\{"code":1502,.* was dropped: .*MCP_BUFFER_BYTES/u)
    })
  )

  it.effect("comes on a stream that was opened though there was nothing to say", () =>
    Effect.gen(function* () {
      const one = channel()
      const log = one.stream()
      assert.strictEqual(one.stream(), log)
      assert.isTrue(Option.isSome(yield* decided(one)))
      answer(one, "answer")
      assert.deepStrictEqual(yield* streamed(one), ["answer"])
      assert.isTrue(log?.isFinished)
    })
  )

  it.effect("is given once: what comes after it is dropped", () =>
    Effect.gen(function* () {
      const one = channel()
      answer(one, "first", "second")
      assert.isFalse(emit(one, "late"))
      assert.isUndefined(one.stream())
      assert.strictEqual(jsonOf(yield* one.reply), "first")
      const other = channel()
      emit(other, "progress")
      answer(other, "first", "second")
      assert.isFalse(emit(other, "late"))
      assert.deepStrictEqual(yield* streamed(other), ["progress", "first"])
    })
  )
})

describe("a stream that is not read yet", () => {
  it.effect.each([
    ["many small notifications", 300, 10],
    ["a few large ones", 4, 600_000]
  ] as const)("keeps all that its server says at once, %s, and the answer", ([, count, size]) =>
    Effect.gen(function* () {
      const one = channel()
      for (let i = 0; i < count; i++) emit(one, "x".repeat(size))
      answer(one, "answer")
      const messages = yield* streamed(one)
      assert.strictEqual(messages.length, count + 1)
      assert.strictEqual(messages.at(-1), "answer")
    })
  )
})

describe("a client that accepts no stream", () => {
  it.effect("is given the answer as JSON; what comes before it is not for it, and that is known", () =>
    Effect.gen(function* () {
      const one = channel({ acceptsStream: false })
      assert.isFalse(emit(one, "progress"))
      assert.isUndefined(one.stream())
      answer(one, "answer")
      assert.strictEqual(jsonOf(yield* one.reply), "answer")
    })
  )
})

describe("the answers of a batch", () => {
  it.effect("are one array, in the order in which they came", () =>
    Effect.gen(function* () {
      const batch = channel({ batchOf: 3 })
      answer(batch, '{"id":2}', '{"id":1}')
      assert.isTrue(Option.isNone(yield* decided(batch)))
      answer(batch, '{"id":3}')
      assert.strictEqual(jsonOf(yield* batch.reply), '[{"id":2},{"id":1},{"id":3}]')
    })
  )

  it.effect("are an array also where there is but one", () =>
    Effect.gen(function* () {
      const batch = channel({ batchOf: 1 })
      answer(batch, '{"id":1}')
      assert.strictEqual(jsonOf(yield* batch.reply), '[{"id":1}]')
    })
  )

  it.effect("come one by one on a stream, where something is said before the last", () =>
    Effect.gen(function* () {
      const batch = channel({ batchOf: 2 })
      emit(batch, "progress")
      answer(batch, "one")
      const log = batch.stream()
      assert.isFalse(log?.isFinished)
      answer(batch, "two")
      assert.isTrue(log?.isFinished)
      assert.deepStrictEqual(yield* streamed(batch), ["progress", "one", "two"])
    })
  )

  it.effect("are not lost where something is said only after the first of them", () =>
    Effect.gen(function* () {
      const batch = channel({ batchOf: 3 })
      answer(batch, "one")
      emit(batch, "progress")
      answer(batch, "two", "three")
      assert.deepStrictEqual(yield* streamed(batch), ["one", "progress", "two", "three"])
    })
  )

  it.effect("are counted: one too many is dropped", () =>
    Effect.gen(function* () {
      const batch = channel({ batchOf: 2, acceptsStream: false })
      answer(batch, "1", "2", "3")
      assert.strictEqual(jsonOf(yield* batch.reply), "[1,2]")
    })
  )
})
