/** What the authorization server keeps, on the Store: sealed, found by a digest of its id, gone when it expires. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { AdapterPayload } from "oidc-provider"
import type { RootKey } from "../../keys/RootKey.ts"
import * as Seal from "../../keys/Seal.ts"
import { digest } from "../../storage/SealedRows.ts"
import { Store, type StoreError } from "../../storage/Store.ts"
import { Connections } from "./Connections.ts"
import * as Registrations from "./Registrations.ts"
import { Revocations } from "./Revocations.ts"

/** How long a refresh token that was just exchanged may be exchanged again: clients race, and answers get lost. */
export const GRACE = Duration.seconds(60)

/** A registration that is never used ends after this; each grant keeps its client as long as itself. */
const UNUSED_CLIENT = Duration.days(30)

/** What has no expiry of its own: nothing that we know of. */
const WITHOUT_EXPIRY = Duration.days(1)

/** Somebody used what can be used but once. */
export class AlreadyUsed extends Schema.TaggedError<AlreadyUsed>()("AlreadyUsed", {
  kind: Schema.String,
  grantId: Schema.UndefinedOr(Schema.String)
}) {}

/** One kind of row: `Client`, `AuthorizationCode`, `RefreshToken`, `Grant`, `Interaction`, `Session`. */
export interface Rows {
  readonly put: (id: string, payload: AdapterPayload, seconds: number | undefined) => Effect.Effect<void, StoreError>
  readonly find: (id: string) => Effect.Effect<AdapterPayload | undefined, StoreError>
  /** Fails where it has been used up before; a refresh token within its grace is not. */
  readonly consume: (id: string) => Effect.Effect<void, StoreError | AlreadyUsed>
  readonly remove: (id: string) => Effect.Effect<void, StoreError>
}

export class RowStore extends Context.Service<RowStore, { readonly of: (kind: string) => Rows }>()(
  "mcp-proxy/auth/server/RowStore"
) {}

const CONSUMED = "oauth consumed"

const make = Effect.gen(function* () {
  const store = yield* Store
  const registrations = yield* Registrations.make()
  const revocations = yield* Revocations
  const connections = yield* Connections
  const seal = yield* Seal.make("oauth", Schema.Record(Schema.String, Schema.Unknown))

  const write = (kind: string, id: string, payload: AdapterPayload, timeToLive: Duration.Duration) =>
    Effect.gen(function* () {
      // For what is opaque the id is the token itself, so it is not kept beside its digest.
      const { jti: _, ...rest } = payload
      const value = yield* seal.seal(rest as Record<string, unknown>)
      yield* store.put(`oauth ${kind}`, { key: digest(id), value }, timeToLive)
    })

  const read = Effect.fnUntraced(function* (kind: string, id: string) {
    const stored = yield* store.get(`oauth ${kind}`, digest(id))
    if (Option.isNone(stored)) return undefined
    const opened = yield* seal.open(stored.value)
    return Option.isNone(opened) ? undefined : ({ ...opened.value, jti: id } as AdapterPayload)
  })

  const usedAt = (kind: string, id: string) =>
    Effect.map(
      store.get(CONSUMED, digest(`${kind} ${id}`)),
      Option.map((text) => Number(text))
    )

  const inGrace = (kind: string, since: number, now: number): boolean =>
    kind === "RefreshToken" && now - since < Duration.toMillis(GRACE)

  /** A refresh token in use keeps the grant that it came from, and the client that it is for. */
  const prolong = Effect.fnUntraced(function* (token: AdapterPayload, timeToLive: Duration.Duration) {
    const now = yield* Clock.currentTimeMillis
    const { clientId, grantId } = token
    const grant = grantId === undefined ? undefined : yield* read("Grant", grantId)
    if (grant !== undefined && grantId !== undefined) {
      const exp = Math.floor((now + Duration.toMillis(timeToLive)) / 1000)
      yield* write("Grant", grantId, { ...grant, exp: Math.max(exp, grant.exp ?? 0) }, timeToLive)
    }
    if (grantId !== undefined) yield* connections.prolong(grantId)
    const client = clientId === undefined ? undefined : yield* read("Client", clientId)
    if (client !== undefined && clientId !== undefined) {
      yield* write("Client", clientId, client, Duration.sum(timeToLive, UNUSED_CLIENT))
    }
  })

  /** Of a client that is in use nothing changes: who registers the same again must not bring its end nearer. */
  const register = Effect.fnUntraced(function* (id: string, payload: AdapterPayload) {
    const key = digest(id)
    const isKnown = Option.isSome(yield* store.get("oauth Client", key))
    if (isKnown && !registrations.isUnused(key)) return
    yield* write("Client", id, payload, UNUSED_CLIENT)
    const oldest = yield* registrations.begin(key, UNUSED_CLIENT)
    if (oldest !== undefined) yield* store.remove("oauth Client", oldest)
  })

  const of = (kind: string): Rows => ({
    put: Effect.fnUntraced(function* (id, payload, seconds) {
      if (kind === "Client") return yield* register(id, payload)
      const lifetime = seconds === undefined ? WITHOUT_EXPIRY : Duration.seconds(seconds)
      yield* write(kind, id, payload, lifetime)
      if (kind === "Grant" && payload.clientId !== undefined) yield* registrations.used(digest(payload.clientId))
      if (kind === "RefreshToken") yield* prolong(payload, lifetime)
    }),
    find: Effect.fnUntraced(function* (id) {
      const payload = yield* read(kind, id)
      if (payload === undefined) return undefined
      const used = yield* usedAt(kind, id)
      const now = yield* Clock.currentTimeMillis
      if (Option.isNone(used) || inGrace(kind, used.value, now)) return payload
      return { ...payload, consumed: Math.floor(used.value / 1000) }
    }),
    consume: Effect.fnUntraced(function* (id) {
      const now = yield* Clock.currentTimeMillis
      const payload = yield* read(kind, id)
      const left = payload?.exp === undefined ? WITHOUT_EXPIRY : Duration.millis(payload.exp * 1000 - now)
      const key = digest(`${kind} ${id}`)
      // One step, so that of two who come at once one is first.
      if (yield* store.add(CONSUMED, { key, value: String(now) }, left)) return
      const since = Option.getOrElse(yield* usedAt(kind, id), () => now)
      if (!inGrace(kind, since, now)) return yield* new AlreadyUsed({ kind, grantId: payload?.grantId })
    }),
    remove: Effect.fnUntraced(function* (id) {
      yield* store.remove(`oauth ${kind}`, digest(id))
      if (kind !== "Grant") return
      yield* revocations.revoke(id)
      yield* connections.forget(id)
    })
  })

  return RowStore.of({ of })
})

export const layer: Layer.Layer<RowStore, StoreError, Store | RootKey | Revocations | Connections> = Layer.effect(
  RowStore,
  make
)
