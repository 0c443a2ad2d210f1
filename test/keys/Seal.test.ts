/** Values that leave the house and come back: nobody else can read or make them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import { RootKey } from "../../src/keys/RootKey.ts"
import * as Seal from "../../src/keys/Seal.ts"

const Ticket = Schema.Struct({ who: Schema.String, count: Schema.Finite, more: Schema.NullOr(Schema.String) })

const ticket = { who: "ann", count: 3, more: null }

const seal = Seal.make("ticket", Ticket)

const another = Effect.provide(seal, Layer.fresh(RootKey.layerRandom))

const withKey = <A, E>(effect: Effect.Effect<A, E, RootKey>) => Effect.provide(effect, RootKey.layerRandom)

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

const decodedParts = (text: string): string =>
  text
    .split(".")
    .map((part) => Buffer.from(part, "base64url").toString("hex"))
    .join(".")

describe("a sealed value", () => {
  it.effect("comes back as it was", () =>
    withKey(
      Effect.gen(function* () {
        const { open, seal: close } = yield* seal
        const values = fc.sample(
          fc.record({
            who: fc.string({ unit: "grapheme" }),
            count: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
            more: fc.option(fc.string())
          }),
          50
        )
        for (const value of values) assert.deepStrictEqual(yield* open(yield* close(value)), Option.some(value))
      })
    )
  )

  it.effect("is text that headers and URLs may hold", () =>
    withKey(
      Effect.gen(function* () {
        const { seal: close } = yield* seal
        assert.match(yield* close({ ...ticket, who: "\r\nx: y 名前" }), /^[A-Za-z0-9_.-]+$/u)
      })
    )
  )

  it.effect("says nothing of its value, and is another each time", () =>
    withKey(
      Effect.gen(function* () {
        const { seal: close } = yield* seal
        const [one, other] = [yield* close(ticket), yield* close(ticket)]
        assert.notStrictEqual(one, other)
        const decoded = one.split(".").map((part) => Buffer.from(part, "base64url").toString("latin1"))
        assert.notInclude(decoded.join(""), "ann")
      })
    )
  )
})

describe("what this seal did not make", () => {
  it.effect("does not open: another's, of the same purpose", () =>
    withKey(
      Effect.gen(function* () {
        const { open } = yield* seal
        assert.deepStrictEqual(yield* open(yield* (yield* another).seal(ticket)), Option.none())
      })
    )
  )

  it.effect("does not open: our own, of another purpose", () =>
    withKey(
      Effect.gen(function* () {
        const { open } = yield* seal
        const other = yield* Seal.make("another ticket", Ticket)
        const text = yield* other.seal(ticket)
        assert.deepStrictEqual(yield* open(text), Option.none())
        assert.deepStrictEqual(yield* other.open(text), Option.some(ticket))
      })
    )
  )

  it.effect("does not open: our own, of another shape", () =>
    withKey(
      Effect.gen(function* () {
        const { open } = yield* seal
        const older = yield* Seal.make("ticket", Schema.Struct({ who: Schema.String }))
        assert.deepStrictEqual(yield* open(yield* older.seal({ who: "ann" })), Option.none())
      })
    )
  )

  it.effect("does not open: our own, with any one bit changed", () =>
    withKey(
      Effect.gen(function* () {
        const { open, seal: close } = yield* seal
        const text = yield* close(ticket)
        for (let at = 0; at < text.length; at++) {
          const c = text.charAt(at)
          const place = BASE64URL.indexOf(c)
          const changed = `${text.slice(0, at)}${c === "." ? "A" : BASE64URL.charAt(place ^ 32)}${text.slice(at + 1)}`
          assert.notStrictEqual(decodedParts(changed), decodedParts(text))
          assert.deepStrictEqual(yield* open(changed), Option.none(), `character ${at}`)
        }
      })
    )
  )

  it.effect("does not open: parts of two of ours put together", () =>
    withKey(
      Effect.gen(function* () {
        const { open, seal: close } = yield* seal
        const one = (yield* close(ticket)).split(".")
        const other = (yield* close({ ...ticket, who: "bob" })).split(".")
        for (let part = 2; part < 5; part++) {
          const mixed = one.map((text, index) => (index === part ? (other[index] ?? "") : text)).join(".")
          assert.deepStrictEqual(yield* open(mixed), Option.none())
        }
      })
    )
  )

  it.effect("does not open: junk, and headers that name another way of encryption", () =>
    withKey(
      Effect.gen(function* () {
        const { open, seal: close } = yield* seal
        const [, ...rest] = (yield* close(ticket)).split(".")
        const headers = [{ alg: "none" }, { alg: "dir", enc: "A128GCM" }, { alg: "A256KW", enc: "A256GCM" }, {}, 7]
        const forged = headers.map((header) =>
          [Buffer.from(JSON.stringify(header)).toString("base64url"), ...rest].join(".")
        )
        const junk = [
          "",
          ".",
          "....",
          "a.b.c.d.e",
          "x".repeat(10_000),
          "名前",
          ...forged,
          ...fc.sample(fc.string(), 50)
        ]
        for (const text of junk) assert.deepStrictEqual(yield* open(text), Option.none(), text)
      })
    )
  )
})

describe("after a change of key", () => {
  const ONE = "3f9c1b7de0a245886b0f4de1c97a253b18e4f6027d5c9ab3416e8f20d7b9c5a4"
  const TWO = [...ONE].reverse().join("")
  const under = (text: string, ...previous: ReadonlyArray<string>) =>
    Effect.provide(
      seal,
      Layer.fresh(
        RootKey.layerText(
          Redacted.make(text),
          previous.map((one) => Redacted.make(one))
        )
      )
    )

  it.effect("what the previous key sealed opens, and what is sealed now does not open with it", () =>
    Effect.gen(function* () {
      const [before, after] = [yield* under(ONE), yield* under(TWO, ONE)]
      assert.deepStrictEqual(yield* after.open(yield* before.seal(ticket)), Option.some(ticket))
      assert.deepStrictEqual(yield* after.open(yield* after.seal(ticket)), Option.some(ticket))
      assert.deepStrictEqual(yield* before.open(yield* after.seal(ticket)), Option.none())
    })
  )

  it.effect("what it sealed is lost if nobody kept it", () =>
    Effect.gen(function* () {
      const sealed = yield* (yield* under(ONE)).seal(ticket)
      assert.deepStrictEqual(yield* (yield* under(TWO)).open(sealed), Option.none())
    })
  )
})
