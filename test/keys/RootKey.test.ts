/** The one secret: made once, private, and kept. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { hkdfSync } from "node:crypto"
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { RootKey } from "../../src/keys/RootKey.ts"
import { temporaryFolder } from "../support/temporary.ts"

const derive = (purpose: string) =>
  Effect.map(RootKey, (key) => Buffer.from(Redacted.value(key.derive(purpose))).toString("hex"))

const derivedFrom = (path: string, purpose = "x") =>
  Effect.provide(derive(purpose), Layer.provide(RootKey.layerFile(path), NodeFileSystem.layer))

const inFolder = <A, E>(test: (path: string) => Effect.Effect<A, E>) =>
  Effect.flatMap(temporaryFolder, (folder) => test(join(folder, "key")))

describe("the key file", () => {
  it.effect("is made of 32 bytes that its owner alone may read", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        yield* derivedFrom(path)
        assert.strictEqual(readFileSync(path).length, 32)
        assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      })
    )
  )

  it.effect("is another for every installation", () =>
    Effect.gen(function* () {
      const one = yield* inFolder(derivedFrom)
      const other = yield* inFolder(derivedFrom)
      assert.notStrictEqual(one, other)
    })
  )

  it.effect("is used again as it is", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const first = yield* derivedFrom(path)
        const bytes = readFileSync(path)
        assert.strictEqual(yield* derivedFrom(path), first)
        assert.deepStrictEqual(readFileSync(path), bytes)
      })
    )
  )

  it.effect("is one for all who make it at once, and nothing else is left beside it", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const keys = yield* Effect.all(
          Array.from({ length: 16 }, () => derivedFrom(path)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(new Set(keys).size, 1)
        assert.deepStrictEqual(readdirSync(dirname(path)), ["key"])
      })
    )
  )

  it.effect.each([0, 1, 31, 33, 64])("of %i bytes is refused, and left as it is", (length) =>
    inFolder((path) =>
      Effect.gen(function* () {
        writeFileSync(path, Buffer.alloc(length, 7))
        const error = yield* Effect.flip(derivedFrom(path))
        assert.strictEqual(error._tag, "RootKeyError")
        assert.include(error.message, path)
        assert.include(error.message, `${length} bytes, not 32`)
        assert.include(error.message, "Restore it, or delete it")
        assert.strictEqual(readFileSync(path).length, length)
      })
    )
  )

  it.effect("that is no file is refused", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        mkdirSync(path)
        const error = yield* Effect.flip(derivedFrom(path))
        assert.strictEqual(error._tag, "RootKeyError")
      })
    )
  )

  it.effect("in a folder that is not there is refused, with its path", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(derivedFrom(join(path, "deeper", "key")))
        assert.include(error.message, "deeper")
      })
    )
  )

  it.effect("is one and the same for processes that start at once: the slower read what the fastest wrote", () =>
    Effect.gen(function* () {
      for (let round = 0; round < 20; round++) {
        const keys = yield* inFolder((path) =>
          Effect.all(
            Array.from({ length: 8 }, () => derivedFrom(path)),
            { concurrency: "unbounded" }
          )
        )
        assert.strictEqual(new Set(keys).size, 1)
      }
    })
  )
})

describe("what is derived", () => {
  it.effect("is HKDF-SHA256 of the root and the purpose, the same in every version", () =>
    inFolder((path) =>
      Effect.gen(function* () {
        writeFileSync(path, Buffer.alloc(32, 1))
        chmodSync(path, 0o600)
        const expected = Buffer.from(hkdfSync("sha256", Buffer.alloc(32, 1), "mcp-proxy", "seal session", 32))
        assert.strictEqual(yield* derivedFrom(path, "seal session"), expected.toString("hex"))
      })
    )
  )

  it.effect("differs from purpose to purpose, and is not shown", () =>
    Effect.gen(function* () {
      const { derive } = yield* RootKey
      const [a, b] = [derive("a"), derive("b")]
      assert.notDeepEqual(Redacted.value(a), Redacted.value(b))
      assert.deepStrictEqual(Redacted.value(derive("a")), Redacted.value(a))
      assert.strictEqual(Redacted.value(a).length, 32)
      assert.strictEqual(JSON.stringify({ a }) + String(a), '{"a":"<redacted>"}<redacted>')
    }).pipe(Effect.provide(RootKey.layerRandom))
  )
})
