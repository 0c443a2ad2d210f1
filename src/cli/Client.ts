/** What `tools` and `call` speak through, to a gateway in this process (LocalClient) or elsewhere (RemoteClient). */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** The gateway, or the server behind it, answered with an error, or not at all. */
export class RequestFailed extends Schema.TaggedError<RequestFailed>()("RequestFailed", {
  method: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** A JSON object. */
export type Message = Readonly<Record<string, unknown>>

export interface Client {
  /** The result of a request; what is said meanwhile (progress, log messages) is given to `heard` as it comes. */
  readonly request: (
    method: string,
    params: Message,
    heard?: (message: Message) => void
  ) => Effect.Effect<Message, RequestFailed>
}

export const parse = (bytes: Uint8Array): Message => {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString())
  return Predicate.isReadonlyObject(value) ? (value as Message) : {}
}

/** The result of a JSON-RPC response. */
export const resultOf = (method: string, { error, result }: Message): Effect.Effect<Message, RequestFailed> => {
  if (Predicate.isReadonlyObject(error)) {
    return Effect.fail(new RequestFailed({ method, reason: String(error["message"]) }))
  }
  return Effect.succeed(Predicate.isReadonlyObject(result) ? (result as Message) : {})
}
