/** What holds calls and starts back, and for how long. */
import { assert, describe, it } from "@effect/vitest"
import { CREDENTIALS_REST, Refusals, Restraint } from "../../src/upstream/Restraint.ts"

const make = () => new Restraint({ failures: 1, restMillis: 10_000 })

describe("a server's own wish to be left alone", () => {
  const wish = (restraint: Restraint, millis: number, now: number) =>
    restraint.heed({ status: 429, retryAfterMillis: millis }, "slow down", now)

  it("holds back calls and starts until then", () => {
    const restraint = make()
    assert.isTrue(restraint.isClear)
    assert.strictEqual(wish(restraint, 5000, 1000)?.until, 6000)
    assert.isFalse(restraint.isClear)
    assert.strictEqual(restraint.heldAt(5999)?.reason, "slow down")
    assert.strictEqual(restraint.startHeldAt(5999)?.failure, "rate-limit")
    assert.isUndefined(restraint.startHeldAt(6000))
    assert.isUndefined(restraint.heldAt(6000))
    assert.isTrue(restraint.isClear)
  })

  it("is made longer by a later one, never shorter, and is news once", () => {
    const restraint = make()
    wish(restraint, 5000, 0)
    assert.isUndefined(wish(restraint, 1000, 100))
    assert.strictEqual(restraint.heldAt(200)?.until, 5000)
    assert.isUndefined(wish(restraint, 9000, 100))
    assert.strictEqual(restraint.heldAt(200)?.until, 9100)
    assert.isDefined(wish(restraint, 1000, 10_000))
  })

  it("is none where it is about something else, or does not say for how long", () => {
    const restraint = make()
    restraint.heed({ status: 429 }, "slow down", 0)
    restraint.heed({ status: 500, retryAfterMillis: 5000 }, "out of order", 0)
    restraint.heed({ ending: "ended" }, "gone", 0)
    assert.isTrue(restraint.isClear)
  })
})

describe("credentials that were refused to a start", () => {
  it("hold back starts, not calls, until their rest is over or another start succeeds", () => {
    const restraint = make()
    restraint.refuse(401, "who are you?", 0)
    assert.isTrue(restraint.isClear)
    assert.deepStrictEqual(restraint.startHeldAt(CREDENTIALS_REST - 1), {
      until: CREDENTIALS_REST,
      failure: "credentials",
      reason: "who are you?",
      status: 401
    })
    assert.isUndefined(restraint.startHeldAt(CREDENTIALS_REST))
    restraint.refuse(401, "who are you?", 0)
    restraint.accepted()
    assert.isUndefined(restraint.startHeldAt(1))
  })

  it("are tried again by whoever waits, once a start succeeds, and once only", () => {
    const restraint = make()
    const woken: Array<string> = []
    const wake = () => void woken.push("one")
    const gone = () => void woken.push("gone")
    restraint.await(wake)
    restraint.await(wake)
    restraint.await(gone)
    restraint.forgo(gone)
    restraint.accepted()
    restraint.accepted()
    assert.deepStrictEqual(woken, ["one"])
  })
})

describe("a circuit", () => {
  const why = { failure: "crash", reason: "it broke" } as const

  it("is called what it is: one whose rest is over is half open", () => {
    const restraint = make()
    assert.strictEqual(restraint.circuitAt(0), "closed")
    assert.strictEqual(restraint.failed(restraint.ticket, 0, why)?.until, 10_000)
    assert.strictEqual(restraint.circuitAt(9999), "open")
    assert.strictEqual(restraint.circuitAt(10_000), "half-open")
    restraint.admit(10_000)
    assert.strictEqual(restraint.circuitAt(10_001), "half-open")
    restraint.renew()
    assert.strictEqual(restraint.circuitAt(10_002), "closed")
  })

  it("is never open where there is none", () => {
    const restraint = new Restraint(false)
    for (let i = 0; i < 100; i++) assert.isUndefined(restraint.failed(restraint.ticket, i * 5000, why))
    assert.isTrue(restraint.isClear)
  })
})

describe("calls that were refused for a lane's credentials", () => {
  it("hold back the next ones when they were so many in a row, and let one in half a minute go", () => {
    const refusals = new Refusals({ failures: 2, restMillis: 1 })
    assert.isUndefined(refusals.refused("no", 0))
    refusals.answered()
    assert.isUndefined(refusals.refused("no", 0))
    assert.strictEqual(refusals.refused("no", 0)?.until, CREDENTIALS_REST)
    assert.isDefined(refusals.heldAt(CREDENTIALS_REST - 1))
    assert.isUndefined(refusals.heldAt(CREDENTIALS_REST))
    refusals.admit(CREDENTIALS_REST)
    assert.isDefined(refusals.heldAt(CREDENTIALS_REST + 1))
    refusals.answered()
    assert.isTrue(refusals.isClear)
  })
})
