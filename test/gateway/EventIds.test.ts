/** Event ids: they say whose stream it was, to the process that made them or to its successor, and to nobody else. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { SessionKey } from "../../src/domain/ServerId.ts"
import { EventIds, format } from "../../src/gateway/EventIds.ts"
import { RootKey } from "../../src/keys/RootKey.ts"

const stream = { session: SessionKey.make("s-1"), request: '"a-b"', number: "x.1" }

const ids = Effect.provide(EventIds, Layer.provide(EventIds.layer, Layer.fresh(RootKey.layerRandom)))

describe("an event's id", () => {
  it.effect.each([0, 1, 42, 999_999_999_999_999])("leads back to its stream and to its place %i", (sequence) =>
    Effect.gen(function* () {
      const { open, prefix } = yield* ids
      for (const request of [null, "1", '"a-1"']) {
        const id = format(yield* prefix({ ...stream, request }), sequence)
        assert.deepStrictEqual(
          yield* open(id, stream.session),
          Option.some({ stream: { ...stream, request }, sequence })
        )
      }
    })
  )

  it.effect("opens nothing in another session, and does not say which its own is", () =>
    Effect.gen(function* () {
      const { open, prefix } = yield* ids
      const mine = yield* prefix(stream)
      assert.deepStrictEqual(yield* open(`${mine}-1`, SessionKey.make("s-2")), Option.none())
      const [said = ""] = mine.split(".")
      assert.notInclude(Buffer.from(said, "base64url").toString(), stream.session)
    })
  )

  it.effect("opens nothing where what it says of its request is no id", () =>
    Effect.gen(function* () {
      const { open, prefix } = yield* ids
      const [, tag = ""] = (yield* prefix(stream)).split(".")
      for (const said of ['["1",{}]', '["1",[1]]', '["1",true]', '["1"]', '["1",1,2]', '["1",1},"x":{]', "{}", ""]) {
        const id = `${Buffer.from(said).toString("base64url")}.${tag}-1`
        assert.deepStrictEqual(yield* open(id, stream.session), Option.none(), said)
      }
    })
  )

  it.effect("is understood after the key has changed, as long as the former one is known", () =>
    Effect.gen(function* () {
      const [before, after] = [Redacted.make("c0ffee5184".repeat(7)), Redacted.make("5eed7a93b1".repeat(7))]
      const using = (layer: Layer.Layer<RootKey>) =>
        Effect.provide(EventIds, Layer.provide(EventIds.layer, Layer.fresh(layer)))
      const id = format(yield* (yield* using(RootKey.layerText(before))).prefix(stream), 7)
      const { open } = yield* using(RootKey.layerText(after, [before]))
      assert.deepStrictEqual(yield* open(id, stream.session), Option.some({ stream, sequence: 7 }))
      const forgetful = yield* using(RootKey.layerText(after))
      assert.deepStrictEqual(yield* forgetful.open(id, stream.session), Option.none())
    })
  )

  it.effect("is text without spaces or line breaks", () =>
    Effect.gen(function* () {
      const { prefix } = yield* ids
      assert.match(format(yield* prefix({ ...stream, request: '"\\n 名前"' }), 1), /^[\w.-]+$/u)
    })
  )

  it.effect("of somebody else's making opens nothing", () =>
    Effect.gen(function* () {
      const { open, prefix } = yield* ids
      const mine = yield* prefix(stream)
      const foreign = format(yield* (yield* ids).prefix(stream), 1)
      const junk = ["", "-", "-1", "1", mine, `${mine}-`, `${mine}-x`, `${mine}--1`, `${mine}-1.5`, `${mine}-1 `]
      const more = [
        `x${mine}-1`,
        `${mine}-${"9".repeat(16)}`,
        `${mine.slice(0, -4)}-1`,
        `${"x".repeat(3000)}-1`,
        // Another spelling of the last letter's unused bits.
        `${mine.slice(0, -1)}${String.fromCharCode(mine.charCodeAt(mine.length - 1) + 1)}-1`,
        foreign
      ]
      for (const id of [...junk, ...more]) assert.deepStrictEqual(yield* open(id, stream.session), Option.none(), id)
    })
  )
})
