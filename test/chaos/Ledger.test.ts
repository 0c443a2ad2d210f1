/** The ledger's rules: each can be kept, and each can be broken. */
import { assert, describe, it } from "@effect/vitest"
import { type Call, type Execution, type Fault, judge, line, type Account } from "./Ledger.ts"

const call = (over: Partial<Call> = {}): Call => {
  const tag = over.tag ?? over.id ?? "a-1"
  return {
    id: tag,
    tag,
    idempotent: false,
    server: "s",
    connection: "c",
    startedAt: 1000,
    endedAt: 1100,
    end: { _tag: "Result", tag },
    answers: 1,
    ...over
  }
}

const fault = (over: Partial<Fault> = {}): Fault => ({
  what: "kill",
  target: { _tag: "Server", server: "s" },
  cuts: false,
  injectedAt: 1050,
  overAt: 2000,
  missed: undefined,
  ...over
})

const reset = (over: Partial<Fault> = {}): Fault =>
  fault({ what: "reset", target: { _tag: "Connection", connection: "c" }, cuts: true, overAt: 1060, ...over })

const error = { _tag: "Error", code: 1502, message: "Outcome unknown" } as const
const cut = { _tag: "Cut", reason: "ECONNRESET" } as const

/** So many calls that nothing is the matter with, so that one that is affected is not the most of them. */
const others = Array.from({ length: 9 }, (_, n) => call({ id: `b-${n}`, server: "other", connection: "another" }))

/** A run in which everything that is called is done once, unless it is said otherwise. */
const run = (calls: ReadonlyArray<Call>, rest: Partial<Account> = {}) => {
  const all = [...others, ...calls]
  const done = new Map(all.map(({ server, tag }): [string, Execution] => [tag, { server, tag }]))
  return judge({ calls: all, faults: [], executions: [...done.values()], ...rest })
}

const executions = (...more: ReadonlyArray<Execution>): ReadonlyArray<Execution> => [
  ...others.map(({ server, tag }) => ({ server, tag })),
  ...more
]

describe("the ledger", () => {
  it("has nothing against a run in which every call has one result", () => {
    const verdict = run([call()])
    assert.deepStrictEqual(verdict.complaints, [])
    assert.strictEqual(
      line(verdict),
      "chaos: 10 calls = 10 results + 0 errors + 0 cut (allowed 0); 0 lost, 0 doubled; 0/0 faults took effect; 100% unaffected, 0 of them failed"
    )
  })

  it("calls a call without an end lost, whatever was done to it", () => {
    const verdict = run([call({ end: undefined, answers: 0 })], { faults: [fault(), reset()] })
    assert.strictEqual(verdict.lost, 1)
    assert.match(verdict.complaints[0] ?? "", /^lost: a-1/u)
  })

  it("lets a call fail while a fault is at work on its server, and says so where none is", () => {
    const failing = [call({ end: error })]
    assert.deepStrictEqual(run(failing, { faults: [fault()] }).complaints, [])
    for (const faults of [
      [],
      [fault({ injectedAt: 1101 })],
      [fault({ injectedAt: 900, overAt: 999 })],
      [fault({ target: { _tag: "Server", server: "other" }, injectedAt: 1101 })],
      [reset({ target: { _tag: "Connection", connection: "d" } })]
    ]) {
      const verdict = run(failing, { faults })
      assert.strictEqual(verdict.failed, 1)
      assert.match(verdict.complaints.join("\n"), /^failed without a reason: a-1 .*error 1502/u)
    }
  })

  it("allows a connection error within a second of a kill of the proxy or of a reset of that connection", () => {
    const broken = call({ end: cut, answers: 0, endedAt: 1300 })
    const killed = fault({ what: "SIGKILL", target: { _tag: "Proxy" }, cuts: true, injectedAt: 1250 })
    for (const faults of [[reset()], [reset({ injectedAt: 1 })]]) {
      const verdict = run([broken], { faults })
      assert.deepStrictEqual([verdict.cut, verdict.allowed, verdict.complaints], [1, 1, []])
    }
    // The others were over before.
    assert.deepStrictEqual(run([broken], { faults: [killed] }).complaints, [])
  })

  it("does not allow it later, on another connection, or with a fault that breaks none", () => {
    const broken = call({ end: cut, answers: 0 })
    const restart = fault({ what: "SIGTERM", target: { _tag: "Proxy" } })
    for (const faults of [
      [reset({ injectedAt: -1, overAt: 5000 })],
      [reset({ injectedAt: 1101, overAt: 5000 })],
      [reset({ target: { _tag: "Connection", connection: "d" } })],
      [fault({ cuts: true })],
      [restart]
    ]) {
      const verdict = run([broken], { faults })
      assert.deepStrictEqual([verdict.cut, verdict.allowed], [1, 0])
      assert.match(verdict.complaints.join("\n"), /cut without a reason: a-1 .*ECONNRESET/u)
    }
  })

  it("finds what was done more than once, answered more than once, wrongly, or without having been done", () => {
    const of = { server: "s", tag: "a-1" }
    assert.deepStrictEqual(run([call()], { executions: executions(of, of) }).complaints, [
      "doubled: a-1 was done 2 times"
    ])
    assert.match(run([call({ answers: 2 })]).complaints.join("\n"), /^doubled: a-1 .* was answered 2 times$/u)
    assert.match(
      run([call({ end: { _tag: "Result", tag: "b-1" } })]).complaints.join("\n"),
      /^doubled: a-1 .* got the result of b-1$/u
    )
    for (const elsewhere of [[], [{ server: "other", tag: "a-1" }]]) {
      const verdict = run([call()], { executions: executions(...elsewhere) })
      assert.strictEqual(verdict.doubled, 1)
      assert.match(verdict.complaints.join("\n"), /^doubled: a-1 .* was never done$/u)
    }
  })

  it("counts a call that two servers did as done twice", () => {
    const verdict = run([call()], { executions: executions({ server: "s", tag: "a-1" }, { server: "t", tag: "a-1" }) })
    assert.deepStrictEqual(verdict.complaints, ["doubled: a-1 was done 2 times"])
  })

  it("lets what is idempotent be done and called again, and has it end with a result", () => {
    const tries = [call({ idempotent: true, end: error }), call({ id: "a-1/2", tag: "a-1", idempotent: true })]
    const twice = executions({ server: "s", tag: "a-1" }, { server: "s", tag: "a-1" })
    assert.deepStrictEqual(run(tries, { faults: [fault()], executions: twice }).complaints, [])
    assert.match(
      run(tries.slice(0, 1), { faults: [fault()] }).complaints.join("\n"),
      /^tried wrongly: a-1 was given up: its last try got error 1502/u
    )
  })

  it("notices a client that tries again what is not idempotent", () => {
    const tries = [call({ end: error }), call({ id: "a-1/2", tag: "a-1" })]
    assert.deepStrictEqual(run(tries, { faults: [fault()] }).complaints, ["tried wrongly: a-1 was called 2 times"])
  })

  it("notices a fault that did not take effect", () => {
    const verdict = run([call()], { faults: [fault({ missed: "the process is the same" }), fault()] })
    assert.deepStrictEqual([verdict.tookEffect, verdict.faults], [1, 2])
    assert.deepStrictEqual(verdict.complaints, ["no effect: kill at 1050: the process is the same"])
  })

  it("wants three calls in five to be unaffected, and some calls at all", () => {
    const rest = Array.from({ length: 7 }, (_, n) => call({ id: `c-${n}` }))
    assert.deepStrictEqual(run(rest.slice(0, 6), { faults: [fault()] }).complaints, [])
    assert.deepStrictEqual(run(rest, { faults: [fault()] }).complaints, ["only 56% of the calls are unaffected"])
    assert.deepStrictEqual(judge({ calls: [], faults: [], executions: [] }).complaints, [
      "only 0% of the calls are unaffected"
    ])
  })
})
