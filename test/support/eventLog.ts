/** Streams to clients, written to and read from by tests. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { ByteBudget, Holding } from "../../src/domain/ByteBudget.ts"
import * as Json from "../../src/domain/Json.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import type { Delivery, EventLog } from "../../src/gateway/EventLog.ts"
import { EventLogs } from "../../src/gateway/EventLogs.ts"
import { settle } from "./settle.ts"

export const name = { session: SessionKey.make("s"), request: null }

/** The streams of a process that has room. */
export const eventLogs = (now: number, buffers = new ByteBudget(1024 ** 3)): EventLogs =>
  new EventLogs(now, { buffers, maxMessage: 64 * 1024 ** 2, streams: { most: 100, mostOfOne: 10 } })

export const opened = (now = 0): { readonly logs: EventLogs; readonly log: EventLog } => {
  const logs = eventLogs(now)
  return { logs, log: logs.open(name) }
}

export const append = (log: EventLog, ...messages: ReadonlyArray<string>): void => {
  for (const message of messages) log.append(Json.utf8(message))
}

export const numbered = (log: EventLog, count: number): void => {
  for (let i = 0; i < count; i++) append(log, "x")
}

/** How long a stream that nobody reads is kept. */
export const TIME_MILLIS = 10 * 60 * 1000

export const MIB = new Uint8Array(1024 * 1024)

/** What one reader is given, as it comes. */
interface Reader {
  readonly messages: Array<string>
  readonly sequences: Array<number>
  readonly told: Array<string>
  readonly hasEnded: () => boolean
  readonly stop: Effect.Effect<void>
}

export const stream = (log: EventLog, after: number, onItsWay?: Holding): Stream.Stream<Delivery> => {
  const deliveries = log.read(after, onItsWay)
  if (deliveries === undefined) throw new Error(`what came after ${after} is gone`)
  return deliveries
}

/** Reads; where it sends copies, they are sent as soon as they are there, and counted by the budget until then. */
export const read = Effect.fnUntraced(function* (log: EventLog, after: number, buffers?: ByteBudget) {
  const onItsWay = buffers === undefined ? undefined : new Holding(buffers)
  const messages: Array<string> = []
  const sequences: Array<number> = []
  const told: Array<string> = []
  const take = (delivery: Delivery): void => {
    if (delivery._tag === "ComeBack") {
      told.push(`come back ${delivery.retryMillis}`)
      return
    }
    if (delivery._tag === "Alive") {
      told.push("alive")
      return
    }
    delivery.sent()
    for (const { message, sequence } of delivery.events) {
      messages.push(Buffer.from(message.subarray(0, 20)).toString())
      sequences.push(sequence)
    }
  }
  const fiber = yield* Effect.forkScoped(
    Stream.runForEach(stream(log, after, onItsWay), (delivery) => Effect.sync(() => take(delivery))).pipe(
      Effect.ensuring(Effect.sync(() => onItsWay?.release()))
    )
  )
  yield* settle
  return {
    messages,
    sequences,
    told,
    hasEnded: () => fiber.pollUnsafe() !== undefined,
    stop: Fiber.interrupt(fiber)
  } satisfies Reader
})
