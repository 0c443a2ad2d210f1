/** A transport without a server behind it: what is sent is kept, and the test says what comes. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Json from "../../src/domain/Json.ts"
import {
  ConnectionLost,
  type Open,
  type Receiver,
  type Transport,
  type TransportError
} from "../../src/upstream/Transport.ts"

export interface MemoryTransport {
  readonly open: Open<never>
  /** Everything that was sent, in order, as text. */
  readonly sent: ReadonlyArray<string>
  /** The same as values, since it was last asked. */
  readonly taken: () => ReadonlyArray<Record<string, unknown>>
  /** The requests of which the transport was told that nobody waits for their answers any more. */
  readonly forgotten: ReadonlyArray<number>
  /** The server says something; `request` is the stream that it came on. */
  readonly say: (message: string | object, request?: number) => void
  readonly receiver: () => Receiver
  readonly lose: (reason: string) => Effect.Effect<void>
  /** The requests that are waiting still to be handed over. */
  readonly unsent: Set<number>
  /** What becomes of the messages sent from now on. */
  readonly onSend: (effect: Effect.Effect<void, TransportError>) => void
}

export const memoryTransport = (forgettingCancels = false): MemoryTransport => {
  const sent: Array<string> = []
  const forgotten: Array<number> = []
  const unsent = new Set<number>()
  const lost = Deferred.makeUnsafe<never, ConnectionLost>()
  let seen = 0
  let outcome: Effect.Effect<void, TransportError> = Effect.void
  let receiver: Receiver | undefined
  const theReceiver = (): Receiver => {
    if (receiver === undefined) throw new Error("the transport was not opened")
    return receiver
  }
  const transport: Transport = {
    forgettingCancels,
    send: (message) =>
      Effect.suspend(() => {
        sent.push(Buffer.concat(message).toString())
        return outcome
      }),
    forget: (request) => Effect.sync(() => void forgotten.push(request)),
    unsent: (request) => unsent.has(request),
    agreed: () => Effect.void,
    lost: Deferred.await(lost)
  }
  return {
    open: (to) =>
      Effect.sync(() => {
        receiver = to
        return transport
      }),
    sent,
    taken: () => {
      const news = sent.slice(seen)
      seen = sent.length
      return news.map((text) => JSON.parse(text) as Record<string, unknown>)
    },
    forgotten,
    unsent,
    say: (message, request) =>
      theReceiver().message(Json.utf8(typeof message === "string" ? message : JSON.stringify(message)), request),
    receiver: theReceiver,
    lose: (reason) => Effect.asVoid(Deferred.fail(lost, new ConnectionLost({ reason, unsent: false }))),
    onSend: (effect) => {
      outcome = effect
    }
  }
}
