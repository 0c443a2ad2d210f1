/** A circuit breaker: when calls are held back, and when one may try. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Breaker from "../../src/domain/Breaker.ts"

const OPTIONS: Breaker.Options = { failures: 3, restMillis: 10_000 }
const WHY: Breaker.Why = { failure: "timeout", reason: "no answer" }

/** A circuit in the test's hands. */
const make = (options = OPTIONS) => {
  let circuit = Breaker.closed
  let now = 1_000_000
  return {
    state: () => circuit._tag,
    now: () => now,
    until: () => (Breaker.refusedUntil(circuit, now) ?? now) - now,
    wait: (millis: number) => void (now += millis),
    /** The ticket of a call that goes; undefined where it is refused. */
    begin: () => {
      if (Breaker.refusedUntil(circuit, now) !== undefined) return undefined
      circuit = Breaker.admit(circuit, now, options)
      return circuit.generation
    },
    succeed: (ticket = -1) => void (circuit = Breaker.succeed(circuit, ticket)),
    fail: (ticket = -1) => void (circuit = Breaker.fail(circuit, ticket, now, WHY, options)),
    release: (ticket = -1) => void (circuit = Breaker.release(circuit, ticket, now)),
    hasten: () => void (circuit = Breaker.hasten(circuit, now)),
    renew: () => void (circuit = Breaker.renew(circuit))
  }
}

type Breaking = ReturnType<typeof make>

const failOne = (breaker: Breaking) => breaker.fail(breaker.begin())

const opened = (): Breaking => {
  const breaker = make()
  for (let i = 0; i < OPTIONS.failures; i++) failOne(breaker)
  return breaker
}

describe("a circuit", () => {
  it("opens after so many failures in a row, and not before", () => {
    const breaker = make()
    failOne(breaker)
    failOne(breaker)
    assert.strictEqual(breaker.state(), "Closed")
    failOne(breaker)
    assert.strictEqual(breaker.state(), "Open")
    assert.isUndefined(breaker.begin())
    assert.strictEqual(breaker.until(), 10_000)
  })

  it("counts from the start again after any success", () => {
    const breaker = make()
    for (let i = 0; i < 10; i++) {
      failOne(breaker)
      failOne(breaker)
      breaker.succeed(breaker.begin())
    }
    assert.strictEqual(breaker.state(), "Closed")
  })

  it("counts calls that fail together once", () => {
    const breaker = make()
    const tickets = Array.from({ length: 50 }, () => breaker.begin())
    for (const ticket of tickets) breaker.fail(ticket)
    assert.strictEqual(breaker.state(), "Closed")
    failOne(breaker)
    assert.strictEqual(breaker.state(), "Closed")
    failOne(breaker)
    assert.strictEqual(breaker.state(), "Open")
  })

  it("counts calls each that were made together and fail one after the other", () => {
    const breaker = make()
    const tickets = Array.from({ length: 3 }, () => breaker.begin())
    for (const ticket of tickets) {
      breaker.fail(ticket)
      breaker.wait(1000)
    }
    assert.strictEqual(breaker.state(), "Open")
  })

  it("lets one call try after its rest, and closes when that succeeds", () => {
    const breaker = opened()
    breaker.wait(9999)
    assert.isUndefined(breaker.begin())
    breaker.wait(1)
    const ticket = breaker.begin()
    assert.isDefined(ticket)
    assert.strictEqual(breaker.state(), "HalfOpen")
    assert.isUndefined(breaker.begin())
    breaker.succeed(ticket)
    assert.strictEqual(breaker.state(), "Closed")
    failOne(breaker)
    assert.strictEqual(breaker.state(), "Closed", "it has forgotten what was before")
  })

  it("rests for twice as long each time that fails, up to six times as long as at first", () => {
    const breaker = opened()
    const rests: Array<number> = []
    for (let i = 0; i < 6; i++) {
      rests.push(breaker.until() / 1000)
      breaker.wait(breaker.until())
      failOne(breaker)
    }
    assert.deepStrictEqual(rests, [10, 20, 40, 60, 60, 60])
  })

  it("begins with the first rest again once it was closed", () => {
    const breaker = opened()
    breaker.wait(10_000)
    failOne(breaker)
    breaker.wait(20_000)
    breaker.succeed(breaker.begin())
    for (let i = 0; i < OPTIONS.failures; i++) failOne(breaker)
    assert.strictEqual(breaker.until(), 10_000)
  })

  it("lets the next call try where the one that tried came to nothing, or does not come back", () => {
    const breaker = opened()
    breaker.wait(10_000)
    breaker.release(breaker.begin())
    const slow = breaker.begin()
    assert.isDefined(slow)
    breaker.wait(9999)
    assert.isUndefined(breaker.begin())
    breaker.wait(1)
    const next = breaker.begin()
    assert.isDefined(next)
    breaker.fail(slow)
    assert.strictEqual(breaker.state(), "HalfOpen", "the slow one has no say any more")
    breaker.succeed(next)
    assert.strictEqual(breaker.state(), "Closed")
  })

  it("does not mind what becomes of calls that were made before it opened", () => {
    const breaker = make()
    const old = Array.from({ length: 9 }, () => breaker.begin())
    for (let i = 0; i < OPTIONS.failures; i++) failOne(breaker)
    breaker.succeed(old[0])
    assert.strictEqual(breaker.state(), "Open")
    breaker.fail(old[1])
    assert.strictEqual(breaker.until(), 10_000)
    breaker.wait(10_000)
    breaker.succeed(breaker.begin())
    for (const ticket of old) {
      breaker.fail(ticket)
      breaker.wait(5000)
    }
    assert.strictEqual(breaker.state(), "Closed")
  })

  it("lets a call try at once when the server has shown signs of life, and any when it is another", () => {
    const breaker = opened()
    breaker.hasten()
    assert.isDefined(breaker.begin())
    assert.isUndefined(breaker.begin())
    breaker.renew()
    assert.isDefined(breaker.begin())
    assert.isDefined(breaker.begin())
  })
})

describe("whatever happens, a circuit", () => {
  type Step = readonly ["begin" | "succeed" | "fail" | "release" | "hasten" | "renew" | "wait", number]
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom<Step[0]>(
        "begin",
        "begin",
        "succeed",
        "fail",
        "fail",
        "fail",
        "release",
        "hasten",
        "renew",
        "wait"
      ),
      fc.nat({ max: 70_000 })
    ),
    { maxLength: 200 }
  )

  it("refuses no call for longer than the longest rest, and lets one at a time try", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (all, failures) => {
        const breaker = make({ ...OPTIONS, failures })
        const underWay: Array<number> = []
        for (const [step, n] of all) {
          if (step === "wait") breaker.wait(n)
          else if (step === "hasten" || step === "renew") breaker[step]()
          else if (step === "begin") {
            const before = breaker.state()
            const ticket = breaker.begin()
            if (ticket === undefined) continue
            if (before !== "Closed") assert.isUndefined(breaker.begin(), "a second call tries")
            underWay.push(ticket)
          } else if (underWay.length > 0) breaker[step](underWay.splice(n % underWay.length, 1)[0])
          assert.isAtMost(breaker.until(), 60_000)
          if (breaker.state() === "Closed") assert.strictEqual(breaker.until(), 0)
        }
        breaker.wait(60_000)
        const ticket = breaker.begin()
        assert.isDefined(ticket, "it never stays open for ever")
        breaker.succeed(ticket)
        assert.strictEqual(breaker.state(), "Closed")
      })
    )
  })

  it("opens exactly when so many calls in a row have failed, one after the other", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (outcomes, failures) => {
        const breaker = make({ ...OPTIONS, failures })
        let inARow = 0
        for (const isFailure of outcomes) {
          const ticket = breaker.begin()
          if (isFailure) breaker.fail(ticket)
          else breaker.succeed(ticket)
          inARow = isFailure ? inARow + 1 : 0
          assert.strictEqual(breaker.state(), inARow >= failures ? "Open" : "Closed")
          if (inARow >= failures) return
        }
      })
    )
  })
})
