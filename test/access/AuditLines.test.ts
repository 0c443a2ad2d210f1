/** The audit trail as JSON Lines: whole lines, in the file that bears the name now. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync, renameSync, rmSync, statSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { AuditLines } from "../../src/access/AuditLines.ts"
import { temporaryFolder } from "../support/temporary.ts"

const opened = Effect.gen(function* () {
  const path = join(yield* temporaryFolder, "audit.jsonl")
  const lines = yield* Effect.acquireRelease(
    Effect.sync(() => new AuditLines(path)),
    (opened) => Effect.sync(() => opened.close())
  )
  return { path, lines, text: () => readFileSync(path, "utf8") }
})

describe("the file", () => {
  it.effect("is appended to, and for its owner alone", () =>
    Effect.gen(function* () {
      const { lines, path, text } = yield* opened
      lines.append(["a", "b"])
      lines.append(["c"])
      assert.strictEqual(text(), "a\nb\nc\n")
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      const again = new AuditLines(path)
      again.append(["d"])
      again.close()
      assert.strictEqual(text(), "a\nb\nc\nd\n")
    })
  )

  it.effect("that log rotation moved away is begun anew", () =>
    Effect.gen(function* () {
      const { lines, path, text } = yield* opened
      lines.append(["a"])
      renameSync(path, `${path}.1`)
      lines.append(["b"])
      assert.strictEqual(text(), "b\n")
      assert.strictEqual(readFileSync(`${path}.1`, "utf8"), "a\n")
    })
  )

  it.effect("that was removed, or cut to nothing where it stands, is begun anew", () =>
    Effect.gen(function* () {
      const { lines, path, text } = yield* opened
      lines.append(["a"])
      rmSync(path)
      lines.append(["b"])
      assert.strictEqual(text(), "b\n")
      truncateSync(path)
      lines.append(["c"])
      assert.strictEqual(text(), "c\n")
    })
  )

  it.effect("that cannot be written fails, and is tried anew", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const lines = new AuditLines(join(folder, "none", "audit.jsonl"))
      assert.throws(() => lines.append(["a"]), /ENOENT/u)
      const full = new AuditLines("/dev/full")
      assert.throws(() => full.append(["a"]), /ENOSPC/u)
      full.close()
    })
  )
})
