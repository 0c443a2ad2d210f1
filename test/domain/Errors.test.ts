/** What a client is told of each failure. */
import { assert, describe, it } from "@effect/vitest"
import * as Errors from "../../src/domain/Errors.ts"

describe("what a client is told", () => {
  it.each([
    [
      new Errors.UnknownName({ kind: "tool", name: "serch", nearest: ["search"] }),
      -32602,
      'Unknown tool: "serch". Did you mean "search"?'
    ],
    [new Errors.UnknownName({ kind: "prompt", name: "x", nearest: [] }), -32602, 'Unknown prompt: "x"'],
    [new Errors.UnknownResource({ uri: "a://b" }), -32002, "Resource not found: a://b"],
    [new Errors.UnknownMethod({ method: "x/y" }), -32601, "Method not found: x/y"],
    [new Errors.BadParams({ reason: "Invalid cursor" }), -32602, "Invalid cursor"],
    [new Errors.LimitReached({ limit: "Too many" }), 1429, "Too many"],
    [new Errors.Cancelled(), 1499, "The request was cancelled"],
    [
      new Errors.OutcomeUnknown({ server: "fs", reason: "it exited with code 1" }),
      1502,
      'Outcome unknown: server "fs" went away during the call (it exited with code 1)'
    ],
    [
      new Errors.OutcomeUnknown({ server: "fs", reason: "no answer to a ping", failure: "timeout" }),
      1502,
      'Outcome unknown: server "fs" hung during the call (no answer to a ping)'
    ],
    [
      new Errors.OutcomeUnknown({ server: "fs", reason: "it answered HTTP 500", failure: "crash", stands: true }),
      1502,
      'Outcome unknown: server "fs" failed during the call (it answered HTTP 500)'
    ],
    [new Errors.UpstreamRefused({ server: "fs", reason: "401" }), 1502, 'Server "fs" did not take the call: 401'],
    [
      new Errors.BadAnswer({ server: "fs", reason: "two results" }),
      1502,
      'Server "fs" answered what MCP does not allow: two results'
    ],
    [
      new Errors.AnswerDropped({ server: "fs", reason: "too large" }),
      1502,
      'Server "fs" did the call, but its answer was dropped: too large'
    ],
    [new Errors.UpstreamDown({ server: "fs", status: "failed: no" }), 1503, 'Server "fs" is failed: no'],
    [
      new Errors.CallTimeout({ server: "fs", seconds: 300, limit: "callTimeout", unsent: false }),
      1504,
      'Outcome unknown: server "fs" did not answer within 300 s; the call was cancelled (mcpServers.fs.callTimeout)'
    ],
    [
      new Errors.CallTimeout({ server: "fs", seconds: 3600, limit: "maxCallTime", unsent: false }),
      1504,
      'Outcome unknown: server "fs" was not done within 3600 s; the call was cancelled (mcpServers.fs.maxCallTime)'
    ],
    [
      new Errors.CallTimeout({ server: "fs", seconds: 300, limit: "callTimeout", unsent: true }),
      1504,
      'Server "fs" did not read the call within 300 s; it was not sent (mcpServers.fs.callTimeout)'
    ]
  ] satisfies ReadonlyArray<readonly [Errors.ProxyError, number, string]>)("%s", (error, code, message) => {
    const verdict = Errors.verdict(error)
    assert.strictEqual(verdict.code, code)
    assert.strictEqual(verdict.message, message)
  })

  it("a resource that is not there is named as data too, as MCP asks", () => {
    assert.deepStrictEqual(Errors.verdict(new Errors.UnknownResource({ uri: "a://b" })).data, { uri: "a://b" })
  })

  it("where it is known when to come back, that is data too", () => {
    const down = new Errors.UpstreamDown({ server: "fs", status: "resting", retryAfterMillis: 4000 })
    assert.deepStrictEqual(Errors.verdict(down).data, { retryAfterMillis: 4000 })
    assert.notProperty(Errors.verdict(new Errors.UpstreamDown({ server: "fs", status: "stopped" })), "data")
  })

  it("a name is quoted, so that its characters cannot be taken for ours", () => {
    const error = new Errors.UnknownName({ kind: "tool", name: 'x". Did\nyou', nearest: ['y"'] })
    assert.include(error.message, '"x\\". Did\\nyou"')
    assert.include(error.message, '"y\\""')
  })
})
