/** No fiber of the program's own dies unnoticed: each is kept alive, tied to its connection, or known to end by itself. */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const source = resolve(import.meta.dirname, "../../src")

/** The two files that say what becomes of the fibers that are forked through them. */
const KEEPERS = new Set(["observability/Vital.ts", "upstream/Attached.ts"])

/** Fibers that are forked by hand, by file; and why that is right. */
const BY_HAND: Readonly<Record<string, { readonly forks: number; readonly because: string }>> = {
  "auth/KeyChange.ts": { forks: 1, because: "it compares keys once" },
  "auth/providers/Oidc.ts": { forks: 1, because: "it looks at the provider once" },
  "auth/server/ServerLayer.ts": {
    forks: 1,
    because: "it builds once; whoever waits for what is built hears of a defect"
  },
  "auth/server/Verdicts.ts": { forks: 1, because: "one event of the library's each" },
  "cli/serve.ts": { forks: 2, because: "one says once what there is, one says once that the start is over" },
  "fleet/Changeover.ts": { forks: 1, because: "each closes a deployment once" },
  "fleet/Deployment.ts": { forks: 3, because: "each closes a connection, or tells it of a session's end, once" },
  "gateway/Initialize.ts": { forks: 1, because: "it asks once for what there is" },
  "gateway/Listens.ts": { forks: 2, because: "each is one stream's, and ends with it" },
  "gateway/Proxy.ts": { forks: 2, because: "each is one call and says how it ended, or tells a server once" },
  "gateway/Restoring.ts": { forks: 1, because: "each restores a session once" },
  "gateway/ViewChanges.ts": { forks: 1, because: "it tells a server once" },
  "http/DirectPath.ts": { forks: 1, because: "each answers a request, or says what it died of, and ends" },
  "http/Listener.ts": { forks: 1, because: "each says once that a connection could not be taken" },
  "http/McpEndpoint.ts": { forks: 2, because: "each ends streams once" },
  "http/ModernEndpoint.ts": { forks: 1, because: "it ends streams once" },
  "keys/RootKey.ts": { forks: 1, because: "it stretches a key once; whoever waits for it hears of a defect" },
  "upstream/Approach.ts": { forks: 1, because: "it asks once; it is joined" },
  "upstream/Conversations.ts": { forks: 2, because: "each is guarded by who begins it, or says how it ended" },
  "upstream/HttpAgent.ts": { forks: 1, because: "it is observed; it loads a library once" },
  "upstream/Listening.ts": { forks: 1, because: "one stream's; it is joined" },
  "upstream/Offers.ts": { forks: 1, because: "it fetches once" },
  "upstream/Reaper.ts": { forks: 1, because: "it is joined by the watch over the sidecar" },
  "upstream/Rpc.ts": { forks: 1, because: "each tells a server once, and gives up after a while" },
  "upstream/StdioTransport.ts": { forks: 1, because: "it is guarded, and joined" },
  "upstream/Supervisor.ts": { forks: 1, because: "it closes what has expired, once" },
  "upstream/Vigil.ts": { forks: 1, because: "each asks once; the next look sees to it" },
  "upstream/Unsolicited.ts": { forks: 2, because: "each turn of the loop is guarded" }
}

const FORK = /\bEffect\.(?:fork\w*|runFork\w*)\b/gu

/** How many fibers are forked by hand in a text. */
const forksIn = (text: string): number =>
  text
    .split("\n")
    .filter((line) => !/^\s*(?:\/\/|\*|\/\*\*)/u.test(line))
    .reduce((sum, line) => sum + [...line.matchAll(FORK)].length, 0)

const found = Object.fromEntries(
  globSync("**/*.ts", { cwd: source })
    .filter((file) => !KEEPERS.has(file))
    .map((file) => [file, forksIn(readFileSync(join(source, file), "utf8"))] as const)
    .filter(([, forks]) => forks > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
)

describe("a fiber that is forked", () => {
  it("by hand is found, however it is written, and in comments is none", () => {
    for (const text of [
      "yield* Effect.forkScoped(loop)",
      "loop.pipe(Effect.repeat(schedule), Effect.forkScoped)",
      "Effect.forkIn(loop, scope)",
      "Effect.forkDetach(loop)",
      "Effect.runForkWith(context)(loop)"
    ]) {
      assert.strictEqual(forksIn(text), 1, text)
    }
    assert.strictEqual(forksIn("  // not by Effect.forkScoped\n  /** nor Effect.forkIn */"), 0)
  })

  it("lives for ever by Vital, belongs to a connection by Attached, or stands in the list with its reason", () => {
    assert.deepStrictEqual(
      found,
      Object.fromEntries(Object.entries(BY_HAND).map(([file, { forks }]) => [file, forks])),
      "use Vital.fork or Attached.fork; what ends by itself, or is watched by somebody else, belongs into the list"
    )
  })
})
