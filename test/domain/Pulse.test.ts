/** When a server is pinged, when it is taken to hang, and when it is only noted that it answers no pings. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Pulse from "../../src/domain/Pulse.ts"

const LIMITS: Pulse.Limits = { every: 60, within: 10 }

/** A connection of which the test says, second by second, what is seen. */
const make = (limits = LIMITS) => {
  let pulse = Pulse.initial
  let now = 0
  let heardAt = 0
  let calls = 0
  let mayPing = true
  const look = (gaveUp = false): Pulse.Verdict => {
    now++
    const [next, verdict] = Pulse.look(pulse, { now, heardAt, calls, gaveUp, mayPing }, limits)
    pulse = next
    return verdict
  }
  return {
    now: () => now,
    look,
    /** Looks so often; what came of it beside "fine", with the second. */
    wait: (seconds: number): ReadonlyArray<string> => {
      const verdicts: Array<string> = []
      for (let i = 0; i < seconds; i++) {
        const verdict = look()
        if (verdict !== "fine") verdicts.push(`${now} ${verdict}`)
      }
      return verdicts
    },
    hear: () => void (heardAt = now),
    answer: () => {
      heardAt = now
      pulse = Pulse.answered(pulse)
    },
    calls: (n: number) => void (calls = n),
    mayPing: (may: boolean) => void (mayPing = may)
  }
}

/** One that has answered a ping already, a minute after it began. */
const proven = () => {
  const server = make()
  server.wait(60)
  server.answer()
  return server
}

describe("a server that says nothing", () => {
  it("is pinged once it has been silent for so long, and again that long after it was last heard", () => {
    const server = make()
    assert.deepStrictEqual(server.wait(60), ["60 ping"])
    server.answer()
    server.wait(20)
    server.hear()
    assert.deepStrictEqual(server.wait(60), ["140 ping"])
  })

  it("is not pinged while it is not to be asked anything", () => {
    const server = make()
    server.mayPing(false)
    assert.deepStrictEqual(server.wait(500), [])
    server.mayPing(true)
    assert.strictEqual(server.look(), "ping")
  })

  it("hangs if it has nothing to do, has answered before, and does not any more", () => {
    const server = proven()
    assert.deepStrictEqual(server.wait(69), ["120 ping"])
    assert.strictEqual(server.look(), "hung")
  })

  it("is only noted if it has never answered one, and once", () => {
    const server = make()
    assert.deepStrictEqual(server.wait(1000), ["60 ping", "70 unanswered"])
  })

  it("may be busy with a call: that is waited for", () => {
    const server = proven()
    server.calls(1)
    assert.deepStrictEqual(server.wait(280), ["120 ping"])
    server.hear()
    server.answer()
    server.calls(0)
    assert.deepStrictEqual(server.wait(59), [])
  })
})

describe("a server that leaves a call unanswered", () => {
  it("is pinged at once, and hangs if it does not answer", () => {
    const server = make()
    server.calls(3)
    server.wait(30)
    assert.strictEqual(server.look(true), "ping")
    assert.deepStrictEqual(server.wait(9), [])
    assert.strictEqual(server.look(), "hung")
  })

  it("hangs at once if it has not answered a ping either", () => {
    const server = make()
    server.calls(1)
    assert.deepStrictEqual(server.wait(299), ["60 ping"])
    assert.strictEqual(server.look(true), "hung")
  })

  it("is there if it answers the ping, or says anything else", () => {
    const answering = make()
    answering.wait(30)
    assert.strictEqual(answering.look(true), "ping")
    answering.wait(5)
    answering.answer()
    assert.deepStrictEqual(answering.wait(59), [])

    const talking = make()
    talking.calls(1)
    talking.wait(30)
    talking.look(true)
    talking.wait(9)
    talking.hear()
    assert.deepStrictEqual(talking.wait(100), [], "its calls may be answered still")
  })

  it("is suspected until it is heard, however late it may be pinged", () => {
    const server = make()
    server.mayPing(false)
    server.calls(1)
    server.look(true)
    server.wait(20)
    server.mayPing(true)
    assert.deepStrictEqual(server.wait(11), ["22 ping", "32 hung"])
  })
})

describe("a server that is there and answers no pings", () => {
  const deaf = () => {
    const server = make()
    server.calls(1)
    const verdicts: Array<string> = []
    for (let i = 0; i < 100; i++) {
      verdicts.push(...server.wait(5))
      if (server.now() >= 60) server.hear()
    }
    return { server, verdicts }
  }

  it("is noted once, and pinged again only when it is silent", () => {
    const { server, verdicts } = deaf()
    assert.deepStrictEqual(verdicts, ["60 ping", "71 unanswered"])
    assert.strictEqual(server.wait(60).length, 1)
  })

  it("does not hang because a call was given up", () => {
    const { server } = deaf()
    server.look(true)
    assert.deepStrictEqual(server.wait(1000), [])
  })

  it("is not known by one word that came before the answer might have", () => {
    const server = make()
    server.calls(1)
    server.wait(60)
    server.wait(100)
    server.hear()
    server.wait(3)
    assert.deepStrictEqual(server.wait(200), [], "it may hang since")
    assert.strictEqual(server.look(true), "hung")
  })

  it("is noted no more once it answers after all", () => {
    const server = make()
    server.wait(100)
    server.answer()
    assert.deepStrictEqual(server.wait(70), ["160 ping", "170 hung"])
  })
})

describe("whatever a server does", () => {
  /** Second by second: is something heard, how many calls are open, is one given up. */
  const second = fc.record({ heard: fc.boolean(), calls: fc.nat({ max: 2 }), gaveUp: fc.boolean() })
  const limits = fc.record({ every: fc.integer({ min: 1, max: 20 }), within: fc.integer({ min: 1, max: 10 }) })

  it("it does not hang as long as it answers each ping in time", () => {
    fc.assert(
      fc.property(fc.array(second, { maxLength: 300 }), limits, fc.nat(), (seconds, bounds, delay) => {
        let pulse = Pulse.initial
        let heardAt = 0
        let due: number | undefined
        seconds.forEach(({ calls, gaveUp, heard }, index) => {
          const now = index + 1
          const [next, verdict] = Pulse.look(pulse, { now, heardAt, calls, gaveUp, mayPing: true }, bounds)
          pulse = next
          assert.notStrictEqual(verdict, "hung")
          assert.notStrictEqual(verdict, "unanswered")
          if (verdict === "ping") due = now + (delay % bounds.within)
          if (heard) heardAt = now
          if (due !== undefined && now >= due) {
            heardAt = now
            pulse = Pulse.answered(pulse)
            due = undefined
          }
        })
      })
    )
  })

  it("it hangs if it says nothing after a call was given up, no later than a ping may take", () => {
    fc.assert(
      fc.property(fc.array(second, { maxLength: 100 }), limits, fc.nat({ max: 2 }), (before, bounds, calls) => {
        let pulse = Pulse.initial
        let heardAt = 0
        let now = 0
        const look = (more: { readonly calls: number; readonly gaveUp: boolean }) => {
          now++
          const [next, verdict] = Pulse.look(pulse, { now, heardAt, mayPing: true, ...more }, bounds)
          pulse = next
          return verdict
        }
        for (const { heard, ...seen } of before) {
          // Until then it answers pings at once.
          const verdict = look(seen)
          if (verdict === "ping" || heard) heardAt = now
          if (verdict === "ping") pulse = Pulse.answered(pulse)
        }
        const verdicts = [look({ calls, gaveUp: true })]
        for (let i = 0; i < bounds.within; i++) verdicts.push(look({ calls, gaveUp: false }))
        assert.include(verdicts, "hung")
      })
    )
  })

  it("it does not hang while a call may be answered and none was given up", () => {
    fc.assert(
      fc.property(fc.array(second, { maxLength: 300 }), limits, (seconds, bounds) => {
        let pulse = Pulse.initial
        let heardAt = 0
        seconds.forEach(({ calls, heard }, index) => {
          const seen = { now: index + 1, heardAt, calls: calls + 1, gaveUp: false, mayPing: true }
          const [next, verdict] = Pulse.look(pulse, seen, bounds)
          pulse = next
          assert.notStrictEqual(verdict, "hung")
          if (heard) heardAt = index + 1
        })
      })
    )
  })
})
