/** Which build this is. `scripts/build.ts` fills in the commit and the time. */
import manifest from "../../package.json" with { type: "json" }

declare const __COMMIT__: string | undefined
declare const __BUILT_AT__: string | undefined

/** The name by which we introduce ourselves to clients and servers. */
export const NAME = "mcp-proxy"

export const VERSION: string = manifest.version

/** How we introduce ourselves: `serverInfo` to clients, `clientInfo` to servers. */
export const SELF = { name: NAME, version: VERSION }

/** The commit that it was built from; empty where it runs from source. */
export const COMMIT: string = typeof __COMMIT__ === "undefined" ? "" : __COMMIT__

/** `4.0.0 (1a2b3c4, built 2026-11-22T10:00:00Z)`, or `4.0.0 (from source)`. */
export const DESCRIPTION: string =
  COMMIT === "" ? `${VERSION} (from source)` : `${VERSION} (${COMMIT}, built ${__BUILT_AT__})`
