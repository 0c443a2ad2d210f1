/** Watching a server's resource on behalf of somebody: legacy servers are asked to, modern ones tell on their stream. */
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Era } from "../domain/Protocol.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import { ownRequest } from "../upstream/Connection.ts"
import type { CallHandlers } from "../upstream/Rpc.ts"
import type { Upstream, UpstreamError } from "../upstream/Upstream.ts"

/** For requests of ours on somebody's behalf, of which their client is to hear nothing. */
export const quiet = (key: SessionKey): CallHandlers => ({
  session: key,
  notify: () => {},
  ask: () => Effect.never,
  polling: () => {}
})

/** The era of a server, once it is known; undefined for one that was never up. */
export const eraOf = (upstream: Upstream["Service"]): Effect.Effect<Era | undefined> =>
  Effect.suspend(() => {
    const known = SubscriptionRef.getUnsafe(upstream.state).peer?.era
    return known === undefined
      ? Effect.map(upstream.settled, () => SubscriptionRef.getUnsafe(upstream.state).peer?.era)
      : Effect.succeed(known)
  })

/** Watches a resource by the server's own URI. False where the server will not tell of it. */
export const watch = Effect.fnUntraced(function* (
  upstream: Upstream["Service"],
  uri: string,
  key: SessionKey
): Effect.fn.Return<boolean, UpstreamError> {
  upstream.watch(uri, key)
  if ((yield* eraOf(upstream)) === "modern") {
    yield* upstream.hears(uri)
    return true
  }
  const { frame } = yield* upstream.call(ownRequest("resources/subscribe", { uri }), quiet(key))
  return frame.error === undefined
})

/**
 * Watches for somebody who was told long ago that they are watched, on a connection that does not know it yet. What the
 * server says of it is heard by nobody, and a connection that is not up learns of it when it is.
 */
export const again = Effect.fnUntraced(function* (
  upstream: Upstream["Service"],
  uris: ReadonlyArray<string>,
  key: SessionKey
): Effect.fn.Return<void> {
  if (uris.length === 0) return
  for (const uri of uris) upstream.watch(uri, key)
  if ((yield* eraOf(upstream)) === "modern") return
  yield* Effect.forEach(
    uris,
    (uri) => Effect.ignore(upstream.call(ownRequest("resources/subscribe", { uri }), quiet(key))),
    { concurrency: "unbounded", discard: true }
  )
})

/** Watches it no longer; the server is told once nobody on the connection does. */
export const unwatch = Effect.fnUntraced(function* (
  upstream: Upstream["Service"],
  uri: string,
  key: SessionKey
): Effect.fn.Return<void, UpstreamError> {
  if (!upstream.unwatch(uri, key) || (yield* eraOf(upstream)) === "modern") return
  yield* upstream.call(ownRequest("resources/unsubscribe", { uri }), quiet(key))
})
