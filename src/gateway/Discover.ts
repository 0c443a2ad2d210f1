/** What the gateway says of itself to modern clients (2026-07-28, server/discover). */
import * as Effect from "effect/Effect"
import * as Json from "../domain/Json.ts"
import { META, MODERN_REVISIONS } from "../domain/Protocol.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { SELF } from "../observability/Version.ts"
import { Behaviour } from "./Behaviour.ts"
import type { Requester } from "./Requester.ts"

export const make = Effect.gen(function* () {
  const catalog = yield* Catalog
  const { listWait } = yield* Behaviour

  /** The result, as JSON. */
  return Effect.fnUntraced(function* ({ caller, endpoint }: Requester) {
    const capabilities = yield* catalog.capabilities(endpoint, caller, listWait)
    const instructions = catalog.instructions(endpoint, caller.principal)
    const { cacheScope } = catalog.hint(endpoint, caller, undefined)
    return [
      Json.encode({
        resultType: "complete",
        supportedVersions: MODERN_REVISIONS,
        capabilities,
        ...(instructions === undefined ? {} : { instructions }),
        // What it says depends on which servers are up.
        ttlMs: 0,
        cacheScope,
        _meta: { [META.serverInfo]: SELF }
      })
    ]
  })
})
