/** Which era a server speaks: every outcome of asking it, and the verdict on it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Handshake from "../../src/upstream/Handshake.ts"
import * as Negotiation from "../../src/upstream/Negotiation.ts"

const frame = (answer: object): Frame.Frame => {
  const read = Frame.read(Json.encode({ jsonrpc: "2.0", id: 1, ...answer }))
  if (!Frame.isFrame(read)) throw new Error(read.malformed)
  return read
}

const answered = (answer: object): Negotiation.Outcome => ({ _tag: "Answered", frame: frame(answer) })
const error = (code: number, data?: unknown) => ({ error: { code, message: "no", data } })
const refused = (status: number, answer?: object): Negotiation.Outcome => ({
  _tag: "Refused",
  status,
  frame: answer === undefined ? undefined : frame(answer),
  reason: `HTTP ${status}`
})

const discovered = {
  result: {
    resultType: "complete",
    supportedVersions: ["2025-11-25", "2026-07-28"],
    capabilities: { tools: { listChanged: true }, extensions: { "io.modelcontextprotocol/tasks": {} } },
    instructions: "Be kind.",
    _meta: { "io.modelcontextprotocol/serverInfo": { name: "modern", version: "3" } }
  }
}

const short = (outcome: Negotiation.Outcome, isRepeated = false): string => {
  const verdict = Negotiation.judge(outcome, isRepeated)
  switch (verdict._tag) {
    case "Modern":
      return `modern ${verdict.peer.revision}`
    case "Again":
      return `again at ${verdict.revision}`
    case "Undecided":
      return `undecided: ${verdict.reason}`
    case "Legacy":
      return "legacy"
  }
}

describe("a server that is asked for its era", () => {
  const hint = '(to server/discover; "era": "legacy" spares an older server the question)'
  const rows: ReadonlyArray<readonly [string, Negotiation.Outcome, string]> = [
    ["names a mutual revision", answered(discovered), "modern 2026-07-28"],
    ["names older revisions only", answered({ result: { supportedVersions: ["2025-11-25"] } }), "legacy"],
    [
      "names unknown revisions only",
      answered({ result: { supportedVersions: ["2027-01-01"] } }),
      "undecided: it speaks 2027-01-01; the latest known revision is 2026-07-28"
    ],
    ["answers something else", answered({ result: { ok: true } }), "legacy"],
    ["answers an empty list of revisions", answered({ result: { supportedVersions: [] } }), "legacy"],
    [
      "refuses the revision for a mutual one",
      answered(error(-32022, { supported: ["2026-07-28"] })),
      "again at 2026-07-28"
    ],
    ["refuses the revision for older ones", answered(error(-32022, { supported: ["2025-06-18"] })), "legacy"],
    [
      "refuses the revision for unknown ones",
      answered(error(-32022, { supported: ["2027-01-01"] })),
      "undecided: it speaks 2027-01-01; the latest known revision is 2026-07-28"
    ],
    ["refuses the revision and names none", answered(error(-32022)), "legacy"],
    ["does not know the method", answered(error(-32601)), "legacy"],
    ["wants to be initialized first", answered(error(-32000)), "legacy"],
    ["refuses with 400 and nothing to read", refused(400), "legacy"],
    ["refuses with 400 for want of a session", refused(400, error(-32000)), "legacy"],
    ["refuses with 404", refused(404), "legacy"],
    ["refuses with 405", refused(405), "legacy"],
    ["answers 200 with nothing to read", refused(200), "legacy"],
    [
      "refuses the revision with 400 for a mutual one",
      refused(400, error(-32022, { supported: ["2026-07-28"] })),
      "again at 2026-07-28"
    ],
    ["wants credentials", refused(401), "undecided: HTTP 401"],
    ["wants credentials, in JSON-RPC", refused(401, error(-32601)), "undecided: HTTP 401"],
    ["forbids it", refused(403), "undecided: HTTP 403"],
    ["is asked too often", refused(429), "undecided: HTTP 429"],
    ["fails", refused(500), `undecided: HTTP 500 ${hint}`],
    ["fails, in JSON-RPC", refused(503, error(-32603)), `undecided: HTTP 503 ${hint}`],
    ["says nothing", { _tag: "Silent" }, "legacy"],
    ["ends over it", { _tag: "Ended" }, "legacy"]
  ]
  for (const [what, outcome, verdict] of rows) {
    it(`and ${what} is ${verdict}`, () => assert.strictEqual(short(outcome), verdict))
  }

  it("is known by what it says of itself", () => {
    const verdict = Negotiation.judge(answered(discovered), false)
    assert.deepStrictEqual(verdict, {
      _tag: "Modern",
      peer: {
        era: "modern",
        revision: "2026-07-28",
        capabilities: discovered.result.capabilities,
        name: "modern",
        version: "3",
        instructions: "Be kind."
      }
    })
  })

  it.effect("is asked twice at most", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const verdict = yield* Handshake.negotiate((revision) =>
        Effect.sync(() => {
          asked.push(revision)
          return answered(error(-32022, { supported: ["2026-07-28"] }))
        })
      )
      assert.deepStrictEqual(asked, ["2026-07-28", "2026-07-28"])
      assert.deepStrictEqual(verdict, {
        _tag: "Undecided",
        reason: "it refuses the revision 2026-07-28, which it says it supports"
      })
    })
  )
})
