/** The ids of events: sealed, so that a process that does not know the stream can still say whose it was. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { SessionKey } from "../domain/ServerId.ts"
import * as Seal from "../keys/Seal.ts"
import type { RootKey } from "../keys/RootKey.ts"

/** Which stream: a session's, for a request (its id as JSON) or standing (null); the number tells it from its like. */
export const StreamName = Schema.Struct({
  session: SessionKey,
  request: Schema.NullOr(Schema.String),
  number: Schema.String
})
export type StreamName = typeof StreamName.Type

const MAX_LENGTH = 2048

export class EventIds extends Context.Service<
  EventIds,
  {
    /** The part of the ids that all events of a stream have in common. */
    readonly prefix: (stream: StreamName) => Effect.Effect<string>
    /** What an id of ours stands for; none for anything else. */
    readonly open: (
      id: string
    ) => Effect.Effect<Option.Option<{ readonly stream: StreamName; readonly sequence: number }>>
  }
>()("mcp-proxy/gateway/EventIds") {
  static readonly layer: Layer.Layer<EventIds, never, RootKey> = Layer.effect(
    EventIds,
    Effect.map(Seal.make("event", StreamName), (seal) =>
      EventIds.of({
        prefix: seal.seal,
        open: (id) => {
          const dash = id.lastIndexOf("-")
          const sequence = /^\d{1,15}$/u.test(id.slice(dash + 1)) ? Number(id.slice(dash + 1)) : undefined
          if (dash <= 0 || sequence === undefined || id.length > MAX_LENGTH) return Effect.succeedNone
          return Effect.map(
            seal.open(id.slice(0, dash)),
            Option.map((stream) => ({ stream, sequence }))
          )
        }
      })
    )
  )
}

/** One event's id. */
export const format = (prefix: string, sequence: number): string => `${prefix}-${sequence}`
