/** Which traces are kept. */
import { assert, describe, it } from "@effect/vitest"
import { randomBytes } from "node:crypto"
import * as Sampler from "../../src/observability/Sampler.ts"

const parent = (sampled: boolean) => ({ traceId: "a".repeat(32), spanId: "b".repeat(16), sampled, state: undefined })
const LOW = `${"f".repeat(18)}${"0".repeat(13)}1`
const HIGH = `${"0".repeat(18)}${"f".repeat(14)}`

describe("a sampler", () => {
  it.each([
    ["always_on", true, true],
    ["always_off", false, false],
    ["parentbased_always_on", true, false],
    ["parentbased_always_off", true, false]
  ] as const)("%s keeps what a parent keeps: %s, and what it does not: %s", (name, kept, other) => {
    const sampler = Sampler.make(name, 0.5)
    assert.deepStrictEqual([sampler(LOW, parent(true)), sampler(HIGH, parent(false))], [kept, other])
  })

  it("without a parent goes by its name", () => {
    assert.isTrue(Sampler.make("parentbased_always_on", 0)(HIGH, undefined))
    assert.isFalse(Sampler.make("parentbased_always_off", 1)(LOW, undefined))
  })

  it("by ratio decides on the trace's id, whoever asks and whenever, unless a parent has decided", () => {
    for (const name of ["traceidratio", "parentbased_traceidratio"] as const) {
      const sampler = Sampler.make(name, 0.25)
      assert.isTrue(sampler(LOW, undefined))
      assert.isFalse(sampler(HIGH, undefined))
    }
    assert.isTrue(Sampler.make("traceidratio", 0.25)(LOW, parent(false)))
    assert.isTrue(Sampler.make("parentbased_traceidratio", 0.25)(HIGH, parent(true)))
  })

  it("by ratio keeps that share of traces, all of 1 and none of 0", () => {
    const ids = Array.from({ length: 4000 }, () => randomBytes(16).toString("hex"))
    const share = (ratio: number) => {
      const sampler = Sampler.make("traceidratio", ratio)
      return ids.filter((id) => sampler(id, undefined)).length / ids.length
    }
    assert.strictEqual(share(1), 1)
    assert.strictEqual(share(0), 0)
    assert.closeTo(share(0.3), 0.3, 0.05)
  })
})
