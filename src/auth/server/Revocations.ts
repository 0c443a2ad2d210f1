/** The grants and access tokens that were taken back before their time. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Vital from "../../observability/Vital.ts"
import { Store, type StoreError } from "../../storage/Store.ts"

const TABLE = "oauth revoked"

/** Access tokens are valid by themselves, so each is compared with this list, which is short: it forgets what has expired. */
export class Revocations extends Context.Service<
  Revocations,
  {
    /** Takes back a grant with all its tokens, or one access token, by its id. In force on return. */
    readonly revoke: (id: string) => Effect.Effect<void, StoreError>
    readonly isRevoked: (id: string) => boolean
    /** What is taken back from now on. */
    readonly revoked: Stream.Stream<string>
  }
>()("mcp-proxy/auth/server/Revocations") {}

/** `lifetime` is that of an access token: what is older has expired by itself. */
export const layer = (lifetime: Duration.Duration): Layer.Layer<Revocations, StoreError, Store> =>
  Layer.effect(
    Revocations,
    Effect.gen(function* () {
      const store = yield* Store
      const keep = Duration.sum(lifetime, Duration.minutes(5))
      const until = new Map<string, number>()
      const revoked = yield* PubSub.unbounded<string>()
      const start = yield* Clock.currentTimeMillis
      for (const { key } of yield* store.list(TABLE)) until.set(key, start + Duration.toMillis(keep))
      const sweep = Effect.map(Clock.currentTimeMillis, (now) => {
        for (const [id, end] of until) if (end <= now) until.delete(id)
      })
      yield* Vital.fork("The sweep over revocations", Effect.repeat(sweep, Schedule.spaced("1 minute")))
      return Revocations.of({
        revoke: Effect.fnUntraced(function* (id) {
          const now = yield* Clock.currentTimeMillis
          until.set(id, now + Duration.toMillis(keep))
          yield* PubSub.publish(revoked, id)
          yield* store.put(TABLE, { key: id, value: "" }, keep)
        }),
        isRevoked: (id) => until.has(id),
        revoked: Stream.fromPubSub(revoked)
      })
    })
  )
