/** Whatever comes from outside is taken or refused, in time, and nothing of it stays. `npm run fuzz` goes on for longer. */
import { assert, describe, it } from "@effect/vitest"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { once, run } from "./engine.ts"
import { must, type Target } from "./Target.ts"
import { targets } from "./targets.ts"

describe("whatever bytes come", () => {
  it.each(targets.map((target) => [target.name, target] as const))("as %s, all holds that must", async (_, target) => {
    assert.isUndefined(await run(target, { seed: 20_261_124, count: 1500 }))
  })
})

const target = (check: Target["check"]): Target => ({ name: "faulty", seeds: ["abcdef", "x"], check })

describe("what does not hold", () => {
  it("is found, with the smallest input that shows it, and found again with the same seed", async () => {
    const faulty = target((input) => must(!Buffer.from(input).includes("d"), "a d"))
    const failure = await run(faulty, { seed: 1, count: 100 })
    assert.strictEqual(Buffer.from(failure?.input ?? []).toString(), "d")
    assert.include(failure?.reason, "a d")
    assert.deepStrictEqual((await run(faulty, { seed: 1, count: 100 }))?.input, failure?.input)
    assert.isDefined(await once(faulty, Buffer.from("d")))
    assert.isUndefined(await once(faulty, Buffer.from("e")))
  })

  it("is found where only a change of what is known shows it", async () => {
    const faulty = target((input) => must(input.length < 3000, "long"))
    assert.include((await run(faulty, { seed: 1, count: 2000 }))?.reason, "long")
  })

  it("is found where it takes too long", async () => {
    const until = (end: number): void => {
      while (performance.now() < end);
    }
    const faulty = target((input) => until(performance.now() + (input.length === 1 ? 1100 : 0)))
    assert.match((await run(faulty, { seed: 1, count: 2 }))?.reason ?? "", /it took \d+ ms/u)
  })

  it("is found where something of each input stays", async () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const kept: Array<Uint8Array> = []
    const leaking = target((input) => void kept.push(new Uint8Array(100_000).fill(input.length)))
    const options = { seed: 1, count: 400, collect }
    assert.match((await run(leaking, options))?.reason ?? "", /bytes of memory are left/u)
    assert.isUndefined(
      await run(
        target((input) => void new Uint8Array(100_000).fill(input.length)),
        options
      )
    )
  })

  it("is found where a promise fails", async () => {
    assert.include(
      (
        await run(
          target(() => Promise.reject(new Error("late"))),
          { seed: 1, count: 1 }
        )
      )?.reason,
      "late"
    )
  })
})
