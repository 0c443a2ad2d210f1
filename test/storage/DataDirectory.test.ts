/** The directory that outlives the process. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { statSync, writeFileSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import { DataDirectory } from "../../src/storage/DataDirectory.ts"
import { temporaryFolder } from "../support/temporary.ts"

const open = (path: string) =>
  Effect.provide(DataDirectory, Layer.provide(DataDirectory.layer(path), NodeServices.layer))

describe("the data directory", () => {
  it.effect("is made with all above it, for its owner alone", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { file, path } = yield* open(join(folder, "a", "b"))
      assert.strictEqual(path, join(folder, "a", "b"))
      assert.strictEqual(statSync(path).mode & 0o777, 0o700)
      assert.strictEqual(file("key"), join(path, "key"))
    })
  )

  it.effect("is used as it is where it exists", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "key"), "x")
      const { file } = yield* open(folder)
      assert.isTrue(statSync(file("key")).isFile())
    })
  )

  it.effect("is absolute, wherever the process is started", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { path } = yield* open(`${folder}/../${folder.split("/").at(-1)}`)
      assert.isTrue(isAbsolute(path))
      assert.strictEqual(path, folder)
    })
  )

  it.effect("that cannot be one is refused, with the variable to set", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "file"), "x")
      const error = yield* Effect.flip(open(join(folder, "file", "data")))
      assert.strictEqual(error._tag, "DataDirectoryError")
      assert.include(error.message, "MCP_DATA_DIR: ")
      assert.include(error.message, join(folder, "file", "data"))
    })
  )
})
