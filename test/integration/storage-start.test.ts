/** A proxy whose storage cannot be used says so at the start, by its place and with what to do, and touches nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readyProxy, startProxy } from "./harness.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-proxy-storage-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const config = { mcpServers: {} }
const env = { MCP_AUTH_PROVIDER: "demo" }

describe("a start", () => {
  it.live("on a damaged database ends with exit code 1 and the remedy, and leaves the file as it is", () =>
    Effect.gen(function* () {
      const home = yield* folder
      const path = join(home, "data", "state.db")
      yield* Effect.scoped(readyProxy({ config, env, folder: home }))
      const bytes = readFileSync(path)
      writeFileSync(path, bytes.fill(0xff, 4096))
      rmSync(`${path}-wal`, { force: true })
      const proxy = yield* startProxy({ config, env, folder: home })
      assert.strictEqual(yield* proxy.exited, 1)
      assert.include(proxy.output(), path)
      assert.include(proxy.output(), "Restore it from a backup, or move it away: then everybody has to sign in again")
      assert.notMatch(proxy.output(), /\n\s+at .*\.(?:ts|js):\d+/u)
      assert.deepStrictEqual(readFileSync(path), bytes)
    }).pipe(Effect.scoped)
  )

  it.live("on what is no database, or no directory, ends likewise", () =>
    Effect.gen(function* () {
      const home = yield* folder
      mkdirSync(join(home, "data"))
      writeFileSync(join(home, "data", "state.db"), "no database at all, but long enough. ".repeat(100))
      const first = yield* startProxy({ config, env, folder: home })
      assert.strictEqual(yield* first.exited, 1)
      assert.match(first.output(), /state\.db: .*Restore it from a backup/u)
      const file = join(home, "file")
      writeFileSync(file, "x")
      const second = yield* startProxy({ config, env: { ...env, MCP_DATA_DIR: file }, folder: home })
      assert.strictEqual(yield* second.exited, 1)
      assert.include(second.output(), `MCP_DATA_DIR: ${file} cannot be used`)
      assert.include(second.output(), "Name a directory that this user may write")
    }).pipe(Effect.scoped)
  )

  it.live("with a key file that is none ends likewise, rather than making another in silence", () =>
    Effect.gen(function* () {
      const home = yield* folder
      mkdirSync(join(home, "data"))
      writeFileSync(join(home, "data", "key"), "short")
      const proxy = yield* startProxy({ config, env, folder: home })
      assert.strictEqual(yield* proxy.exited, 1)
      assert.include(proxy.output(), join(home, "data", "key"))
      assert.include(proxy.output(), "Restore it, or delete it")
      assert.strictEqual(readFileSync(join(home, "data", "key"), "utf8"), "short")
    }).pipe(Effect.scoped)
  )
})
