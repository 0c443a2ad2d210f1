/** Sign-ins under way: each in the Store, so that a restart in the middle does not end it. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { randomBytes } from "node:crypto"
import type { RootKey } from "../../keys/RootKey.ts"
import * as Seal from "../../keys/Seal.ts"
import * as SealedRows from "../../storage/SealedRows.ts"
import type { Store, StoreError } from "../../storage/Store.ts"
import { SignedInAccount } from "../server/Accounts.ts"
import { Transaction } from "../server/AuthorizationServer.ts"
import { FLOW_LIFETIME } from "../server/Provider.ts"

/** One sign-in, from the request that began it. */
export const Flow = Schema.Struct({
  id: Schema.String,
  /** The browser that began it; no other may go on with it. */
  browser: Schema.String,
  /** The client's request. None: a person signs in to look at their own page. */
  transaction: Schema.optionalKey(Transaction),
  /** Whose remembered consent took the place of the page. Anybody else who signs in is asked. */
  consentOf: Schema.optionalKey(Schema.String),
  /** The provider has been asked a second time, for what it left out the first time. */
  again: Schema.Boolean,
  /** Who has signed in, where they have yet to be asked. */
  account: Schema.optionalKey(SignedInAccount)
})
export type Flow = typeof Flow.Type

/** A visit to the identity provider, found by the `state` that comes back from it. */
const Visit = Schema.Struct({ flow: Flow, memory: Schema.String })
export type Visit = typeof Visit.Type

/** How long a person may take at the provider. */
const VISIT_LIFETIME = Duration.minutes(10)

export class Flows extends Context.Service<
  Flows,
  {
    readonly save: (flow: Flow) => Effect.Effect<void, StoreError>
    readonly find: (id: string) => Effect.Effect<Option.Option<Flow>, StoreError>
    readonly remove: (id: string) => Effect.Effect<void, StoreError>
    /** Begins a visit under a `state` that nobody can guess. */
    readonly visit: (state: string, visit: Visit) => Effect.Effect<void, StoreError>
    /** A visit ends once: whoever comes second with its `state` finds none. */
    readonly endVisit: (state: string) => Effect.Effect<Option.Option<Visit>, StoreError>
  }
>()("mcp-proxy/auth/flow/Flows") {}

/** Unguessable, and safe in a URL. */
export const newId = (): string => randomBytes(24).toString("base64url")

export const layer: Layer.Layer<Flows, never, Store | RootKey> = Layer.effect(
  Flows,
  Effect.gen(function* () {
    const flows = yield* SealedRows.make("flows", yield* Seal.make("flow", Flow))
    const visits = yield* SealedRows.make("visits", yield* Seal.make("visit", Visit))
    return Flows.of({
      save: (flow) => flows.put(flow.id, flow, FLOW_LIFETIME),
      find: flows.find,
      remove: flows.remove,
      visit: (state, visit) => visits.put(state, visit, VISIT_LIFETIME),
      endVisit: visits.take
    })
  })
)
