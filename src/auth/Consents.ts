/** To which programs people have said yes before, so that they need not be asked again. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { RootKey } from "../keys/RootKey.ts"
import * as Seal from "../keys/Seal.ts"
import * as SealedRows from "../storage/SealedRows.ts"
import type { Store, StoreError } from "../storage/Store.ts"
import * as RedirectUri from "./RedirectUri.ts"
import type { Transaction } from "./server/AuthorizationServer.ts"

/** How long a consent is remembered. */
export const LIFETIME = Duration.days(365)

/** One remembered consent. */
const Consent = Schema.Struct({
  subject: Schema.String,
  client: Schema.String,
  resource: Schema.String,
  /** Epoch milliseconds. */
  at: Schema.Finite
})

/**
 * Who a client is, beyond what it says: its metadata document's URL, or the exact https address that the code goes to.
 * A program on the person's computer, and a scheme that any app can claim, are nobody in particular: none.
 */
export const clientIdentity = ({
  clientId,
  redirectUri
}: Pick<Transaction, "clientId" | "redirectUri">): string | undefined => {
  const kind = RedirectUri.inspect(redirectUri)
  if (Result.isFailure(kind) || kind.success._tag !== "Web") return undefined
  return /^https:\/\//iu.test(clientId) ? clientId : redirectUri
}

export class Consents extends Context.Service<
  Consents,
  {
    readonly remember: (subject: string, transaction: Transaction) => Effect.Effect<void, StoreError>
    readonly isRemembered: (subject: string, transaction: Transaction) => Effect.Effect<boolean, StoreError>
    /** Forgets what a person said to a client, whatever it was for. */
    readonly forget: (subject: string, client: string) => Effect.Effect<void, StoreError>
  }
>()("mcp-proxy/auth/Consents") {}

const idOf = (subject: string, client: string, resource: string): string => JSON.stringify([subject, client, resource])

export const layer: Layer.Layer<Consents, never, Store | RootKey> = Layer.effect(
  Consents,
  Effect.gen(function* () {
    const rows = yield* SealedRows.make("consents", yield* Seal.make("consent", Consent))
    return Consents.of({
      remember: Effect.fnUntraced(function* (subject, transaction) {
        const client = clientIdentity(transaction)
        if (client === undefined) return
        const { resource } = transaction
        const at = yield* Clock.currentTimeMillis
        yield* rows.put(idOf(subject, client, resource), { subject, client, resource, at }, LIFETIME)
      }),
      isRemembered: Effect.fnUntraced(function* (subject, transaction) {
        const client = clientIdentity(transaction)
        if (client === undefined) return false
        return Option.isSome(yield* rows.find(idOf(subject, client, transaction.resource)))
      }),
      forget: Effect.fnUntraced(function* (subject, client) {
        for (const consent of yield* rows.all) {
          if (consent.subject === subject && consent.client === client) {
            yield* rows.remove(idOf(subject, client, consent.resource))
          }
        }
      })
    })
  })
)
