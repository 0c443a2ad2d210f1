/** A record is written as JSON has it, however much of it is encoded once for many. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as AuditLine from "../../src/access/AuditLine.ts"
import { type AuditRecord, type Client, KINDS, OUTCOMES, whoOf, type Who } from "../../src/domain/AuditRecord.ts"
import { anonymous } from "../../src/domain/Principal.ts"

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

describe("an audit record as a line", () => {
  it("is what JSON.stringify makes of it", () => {
    fc.assert(
      fc.property(record, (one) => {
        assert.strictEqual(AuditLine.encode(one), JSON.stringify(one))
        assert.notInclude(AuditLine.encode(one), "\n")
      })
    )
  })

  it("names a principal by the same object each time, as different ones by different ones", () => {
    const other = { ...anonymous, displayName: "somebody" }
    assert.strictEqual(whoOf(anonymous), whoOf(anonymous))
    assert.deepStrictEqual(whoOf(other).name, "somebody")
  })
})
