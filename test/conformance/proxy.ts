/** The proxy that is tested, in a process of its own, in front of whatever servers. */
import * as Effect from "effect/Effect"
import { nobodyLeft, startProxy } from "../integration/harness.ts"

/** Starts one and waits until each of its servers has answered; its URL. It must leave no process behind. */
export const startProxyFor = Effect.fnUntraced(function* (mcpServers: Record<string, Record<string, unknown>>) {
  let marker: string | undefined
  yield* Effect.addFinalizer(() => (marker === undefined ? Effect.void : nobodyLeft(marker)))
  const proxy = yield* startProxy({ config: { mcpServers } })
  marker = proxy.marker
  yield* proxy.printed(/\b(\d+) of \1 servers are ready/u)
  return proxy.url
})
