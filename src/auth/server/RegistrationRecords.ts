/** Registrations, accepted or refused, put into the audit trail. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Option from "effect/Option"
import { Audit } from "../../access/Audit.ts"
import type { AuthorizationServer } from "./AuthorizationServer.ts"

/** What the answer says, of either kind. */
const Said = Schema.fromJsonString(
  Schema.Struct({
    client_id: Schema.optionalKey(Schema.String),
    client_name: Schema.optionalKey(Schema.String),
    error: Schema.optionalKey(Schema.String),
    error_description: Schema.optionalKey(Schema.String)
  })
)
const decode = Schema.decodeUnknownOption(Said)

export const make = Effect.map(
  Audit,
  (audit) =>
    (register: AuthorizationServer["Service"]["register"]): AuthorizationServer["Service"]["register"] =>
    (body) =>
      Effect.tap(register(body), (answer) => {
        const said = Option.getOrElse(decode(answer.body), (): typeof Said.Type => ({}))
        return audit.record({
          kind: "registration",
          outcome: answer.status === 201 ? "ok" : "refused",
          code: answer.status,
          ...(said.client_id === undefined ? {} : { client: { id: said.client_id, name: said.client_name } }),
          ...(said.error === undefined ? {} : { detail: `${said.error}: ${said.error_description ?? ""}` })
        })
      })
)
