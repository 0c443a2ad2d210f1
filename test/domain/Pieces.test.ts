/** Texts in pieces: the same text, in as few pieces as pays. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Pieces from "../../src/domain/Pieces.ts"

const piece = fc.integer({ min: 0, max: 9000 }).map((length) => new Uint8Array(length).fill(length & 255))

describe("a text in pieces", () => {
  it("pieces that are gathered are the same text: what is small beside each other is one, and nothing large is copied", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const gathered = Pieces.gather(pieces)
        assert.isTrue(Buffer.concat(gathered).equals(Buffer.concat(pieces)))
        const large = pieces.filter(({ length }) => length > 4000)
        assert.deepStrictEqual(
          large.filter((one) => !gathered.includes(one)),
          []
        )
        for (const [index, { length }] of gathered.entries()) {
          assert.isTrue(index === 0 || length + (gathered[index - 1]?.length ?? 0) > 4000, `${index}`)
        }
      })
    )
  })

  it("text among them is the same text, however many bytes its characters take", () => {
    const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("é".repeat(3000), "€".repeat(1334), ""))
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, text), { maxLength: 12 }), (parts) => {
        const gathered = Pieces.gather(parts)
        assert.isTrue(Buffer.concat(gathered).equals(Buffer.concat(parts.map((part) => Buffer.from(part)))))
        assert.isAtMost(gathered.length, parts.length)
      })
    )
  })

  it("what was read piece by piece is one text, and the memory of large pieces is given back that nobody shares", () => {
    const shared = new Uint8Array(20_000).fill(7)
    const read = [
      new Uint8Array(5000).fill(1),
      shared.subarray(0, 10_000),
      new Uint8Array(10).fill(2),
      new Uint8Array(6000).fill(3)
    ]
    const expected = Buffer.concat(read)
    assert.isTrue(expected.equals(Pieces.assemble(read)))
    assert.deepStrictEqual(
      read.map(({ length }) => length),
      [0, 10_000, 10, 6000]
    )
    const only = new Uint8Array(5000)
    assert.strictEqual(Pieces.assemble([only]), only)
    assert.strictEqual(only.length, 5000)
    assert.strictEqual(Pieces.assemble([]).length, 0)
  })
})
