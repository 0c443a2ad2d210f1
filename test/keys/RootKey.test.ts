/** The one secret: made once, private, and kept. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { hkdfSync, scryptSync } from "node:crypto"
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { RootKey } from "../../src/keys/RootKey.ts"
import { temporaryFolder } from "../support/temporary.ts"

const derive = (purpose: string) =>
  Effect.flatMap(RootKey, (key) => Effect.map(key.derive(purpose), ({ current }) => hex(current)))

const hex = (key: Redacted.Redacted<Uint8Array>): string => Buffer.from(Redacted.value(key)).toString("hex")

const Text = (text: string, ...previous: ReadonlyArray<string>) =>
  Layer.fresh(
    RootKey.layerText(
      Redacted.make(text),
      previous.map((one) => Redacted.make(one))
    )
  )

/** 32 bytes drawn at random, as people get them. */
const STRONG = "3f9c1b7de0a245886b0f4de1c97a253b18e4f6027d5c9ab3416e8f20d7b9c5a4"

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
      const [{ current: a }, { current: b }] = [yield* derive("a"), yield* derive("b")]
      assert.notDeepEqual(Redacted.value(a), Redacted.value(b))
      assert.strictEqual(hex((yield* derive("a")).current), hex(a))
      assert.strictEqual(Redacted.value(a).length, 32)
      assert.strictEqual(JSON.stringify({ a }) + String(a), '{"a":"<redacted>"}<redacted>')
    }).pipe(Effect.provide(RootKey.layerRandom))
  )
})

describe("a text as the key", () => {
  it.effect("that was drawn at random is taken as it is, the same in every version", () =>
    Effect.gen(function* () {
      const expected = Buffer.from(hkdfSync("sha256", STRONG, "mcp-proxy", "x", 32)).toString("hex")
      assert.strictEqual(yield* derive("x"), expected)
    }).pipe(Effect.provide(Text(STRONG)))
  )

  it.live("that could be guessed is stretched with scrypt, the same in every version", () =>
    Effect.gen(function* () {
      const stretched = scryptSync("correct horse battery", "mcp-proxy root key", 32, {
        N: 2 ** 16,
        r: 8,
        p: 2,
        maxmem: 2 ** 27
      })
      const expected = Buffer.from(hkdfSync("sha256", stretched, "mcp-proxy", "x", 32)).toString("hex")
      assert.strictEqual(yield* derive("x"), expected)
    }).pipe(Effect.provide(Text("correct horse battery")))
  )

  it.live("is stretched meanwhile: its layer is there before the key is", () =>
    Effect.gen(function* () {
      const { derive } = yield* RootKey
      const waiting = yield* Effect.forkChild(derive("x"))
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(Redacted.value((yield* Fiber.join(waiting)).current).length, 32)
    }).pipe(Effect.provide(Text("correct horse battery")))
  )

  it.effect("of before still gives its keys, after the current one's", () =>
    Effect.gen(function* () {
      const other = [...STRONG].reverse().join("")
      const mine = yield* Effect.provide(derive("x"), Text(STRONG))
      const theirs = yield* Effect.provide(derive("x"), Text(other))
      const root = yield* Effect.provide(RootKey, Text(other, STRONG)).pipe(Effect.flatMap(({ derive }) => derive("x")))
      assert.strictEqual(hex(root.current), theirs)
      assert.deepStrictEqual(root.previous.map(hex), [mine])
      assert.notInclude(JSON.stringify(root), mine)
    })
  )
})
