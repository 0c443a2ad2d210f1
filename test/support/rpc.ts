/** A JSON-RPC layer over a transport of the test's, and those who use it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import type * as Pieces from "../../src/domain/Pieces.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import * as Rpc from "../../src/upstream/Rpc.ts"
import { memoryTransport } from "./memoryTransport.ts"
import { settle } from "./settle.ts"

export const SILENCE = 5000

export const text = (frame: Frame.Frame): string => Buffer.from(frame.bytes).toString()

export const encode =
  (method: string) =>
  (id: number): Pieces.Pieces => [Json.encode({ jsonrpc: "2.0", id, method })]

export const result = (id: unknown, value: unknown = {}): Record<string, unknown> => ({
  jsonrpc: "2.0",
  id,
  result: value
})

export const answer = (body: string): Rpc.Answer => ({ outcome: "result", body: Json.utf8(body) })

export const progress = (token: unknown): object => ({
  jsonrpc: "2.0",
  method: "notifications/progress",
  params: { progressToken: token, progress: 1 }
})

/** Someone who made a call: keeps what the server has to say meanwhile. */
export const caller = (answer: Effect.Effect<Rpc.Answer> = Effect.never) => {
  const heard: Array<string> = []
  const handlers: Rpc.CallHandlers = {
    session: SessionKey.make("s"),
    notify: (frame) => void heard.push(frame.method),
    ask: (frame) => {
      heard.push(`asked ${frame.method}`)
      return answer
    },
    polling: (retryMillis) => void heard.push(`polling ${retryMillis}`)
  }
  return { heard, handlers }
}

export const openRpc = Effect.fnUntraced(function* (
  unrelatedAnswer: Effect.Effect<Rpc.Answer> = Effect.never,
  forgettingCancels = false
) {
  const transport = memoryTransport(forgettingCancels)
  const faults: Array<string> = []
  const unrelated: Array<string> = []
  const rpc = yield* Rpc.open(
    transport.open,
    {
      notification: (frame) => void unrelated.push(frame.method),
      ask: (frame) => {
        unrelated.push(`asked ${frame.method}`)
        return unrelatedAnswer
      },
      fault: (description) => void faults.push(description)
    },
    { callTimeout: Duration.millis(SILENCE), maxCallTime: Duration.hours(1) }
  )
  yield* settle
  /** Makes a call and lets it get under way. */
  const call = (method: string, handlers?: Rpc.CallHandlers) =>
    Effect.tap(Effect.forkScoped(rpc.request(encode(method), handlers)), () => settle)
  const wait = (duration: Parameters<typeof TestClock.adjust>[0]) => Effect.andThen(TestClock.adjust(duration), settle)
  return { rpc, transport, faults, unrelated, call, wait }
})

/** The requests to cancel among what was sent. */
export const cancellations = (sent: ReadonlyArray<Record<string, unknown>>): ReadonlyArray<unknown> =>
  sent
    .filter(({ method }) => method === "notifications/cancelled")
    .map(({ params }) => (params as { readonly requestId: unknown }).requestId)

export const failure = <A, E>(fiber: Fiber.Fiber<A, E>) => Effect.flip(Fiber.join(fiber))
