/** The ids of events: a process that does not know the stream can still say whether it was the session's, and of what. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { SessionKey } from "../domain/ServerId.ts"
import * as Mac from "../keys/Mac.ts"
import type { RootKey } from "../keys/RootKey.ts"

/** Which stream: a session's, for a request (its id as JSON) or standing (null); the number tells it from its like. */
export interface StreamName {
  readonly session: SessionKey
  readonly request: string | null
  readonly number: string
}

const MAX_LENGTH = 2048

/** What the ids of a stream's events say of it: its number, and the id of its request. */
const Said = Schema.fromJsonString(
  Schema.Tuple([Schema.String, Schema.NullOr(Schema.Union([Schema.String, Schema.Finite]))])
)
const decodeSaid = Schema.decodeOption(Said)

const ID = /^(?<said>[\w-]+)\.(?<tag>[\w-]{22})-(?<sequence>\d{1,15})$/u

export class EventIds extends Context.Service<
  EventIds,
  {
    /** The part of the ids that all events of a stream have in common. */
    readonly prefix: (stream: StreamName) => Effect.Effect<string>
    /** What an id of one of that session's events stands for; none for anything else. */
    readonly open: (
      id: string,
      session: SessionKey
    ) => Effect.Effect<Option.Option<{ readonly stream: StreamName; readonly sequence: number }>>
  }
>()("mcp-proxy/gateway/EventIds") {
  static readonly layer: Layer.Layer<EventIds, never, RootKey> = Layer.effect(
    EventIds,
    Effect.map(Mac.make("event ids"), (mac) =>
      EventIds.of({
        prefix: ({ number, request, session }) => {
          const said = Buffer.from(`[${JSON.stringify(number)},${request}]`).toString("base64url")
          return Effect.map(mac, ({ tag }) => `${said}.${tag(session)}`)
        },
        open: (id, session) => {
          const { said, sequence, tag } = (id.length > MAX_LENGTH ? undefined : ID.exec(id)?.groups) ?? {}
          if (said === undefined || tag === undefined) return Effect.succeedNone
          return Effect.map(mac, ({ verify }) =>
            Option.map(
              verify(session, tag) ? decodeSaid(Buffer.from(said, "base64url").toString()) : Option.none(),
              ([number, id]) => ({
                stream: { session, request: id === null ? null : JSON.stringify(id), number },
                sequence: Number(sequence)
              })
            )
          )
        }
      })
    )
  )
}

/** One event's id. */
export const format = (prefix: string, sequence: number): string => `${prefix}-${sequence}`
