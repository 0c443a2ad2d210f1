/** Records that wait to be written are bytes, and nothing about them is lost by it. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Pack, type Packed } from "../../src/access/AuditPack.ts"
import { type AuditRecord, type Client, KINDS, OUTCOMES, whoOf, type Who } from "../../src/domain/AuditRecord.ts"
import { anonymous } from "../../src/domain/Principal.ts"
import { jsonOf } from "../support/packed.ts"

const text = fc.string({ unit: "binary", maxLength: 100 })
const optional = <A>(value: fc.Arbitrary<A>) => fc.option(value, { nil: undefined })

/** Some of them are of the same people. */
const people: ReadonlyArray<Who> = [whoOf(anonymous), { subject: "s", name: 'a "b"', email: undefined }]
const clients: ReadonlyArray<Client> = [
  { id: undefined, name: "ü\n" },
  { id: "c", name: "n", version: "1" }
]

const record: fc.Arbitrary<AuditRecord> = fc.record(
  {
    time: fc.double(),
    kind: fc.constantFrom(...KINDS),
    outcome: fc.constantFrom(...OUTCOMES),
    principal: optional(fc.constantFrom(...people)),
    client: optional(fc.constantFrom(...clients)),
    session: optional(text),
    target: optional(text),
    millis: optional(fc.double()),
    request: optional(fc.oneof(text, fc.integer())),
    arguments: optional(fc.jsonValue()),
    detail: optional(text)
  },
  { requiredKeys: ["time", "kind", "outcome"] }
)

/** What each record was packed as. */
const unpacked = (packed: Packed) =>
  jsonOf(packed).map((json, index) => ({
    json,
    time: packed.times[index],
    subject: packed.subjects[packed.whose[index]!]
  }))

const asPacked = (records: ReadonlyArray<AuditRecord>) =>
  records.map((one) => ({
    json: JSON.stringify(one),
    time: one.time,
    subject: one.principal?.subject ?? null
  }))

const sized = (size: number): AuditRecord => ({ time: 1, kind: "call", outcome: "ok", detail: "ü".repeat(size) })

const packOf = (records: ReadonlyArray<AuditRecord>): Pack => {
  const pack = new Pack()
  for (const one of records) assert.isTrue(pack.add(one))
  return pack
}

describe("a pack of records", () => {
  it("has each as JSON, with when and whose it was, in order", () => {
    fc.assert(
      fc.property(fc.array(record), (records) => {
        const pack = packOf(records)
        assert.strictEqual(pack.size, records.length)
        assert.deepStrictEqual(unpacked(pack.packed()), asPacked(records))
      })
    )
  })

  it("has room for records of any size", () => {
    const records = [1, 50_000, 1, 1_000_000, 30_000].map(sized)
    assert.deepStrictEqual(unpacked(packOf(records).packed()), asPacked(records))
  })

  it("takes no more than are written at once", () => {
    const full = packOf(Array.from({ length: Pack.CAPACITY }, () => sized(1)))
    assert.isFalse(full.add(sized(1)))
    assert.strictEqual(full.packed().ends.length, Pack.CAPACITY)
  })

  it("has nothing of before once it is cleared", () => {
    const pack = packOf([{ ...sized(1_000_000), principal: { subject: "before", name: "", email: undefined } }])
    pack.clear()
    assert.strictEqual(pack.size, 0)
    assert.isTrue(pack.add(sized(2)))
    assert.deepStrictEqual(unpacked(pack.packed()), asPacked([sized(2)]))
    assert.deepStrictEqual(pack.packed().subjects, [null])
  })

  it("is copied when it is handed over, for it may have to be handed over again", () => {
    const pack = packOf([sized(1)])
    const { bytes, ends } = pack.packed()
    bytes.fill(0)
    ends.fill(0)
    assert.deepStrictEqual(unpacked(pack.packed()), asPacked([sized(1)]))
  })
})

describe("who called", () => {
  it("is named by the same object each time, as different ones by different ones", () => {
    const other = { ...anonymous, displayName: "somebody" }
    assert.strictEqual(whoOf(anonymous), whoOf(anonymous))
    assert.deepStrictEqual(whoOf(other).name, "somebody")
  })
})
