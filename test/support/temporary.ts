/** Folders that are gone after their test. */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A new empty folder. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-proxy-unit-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)
