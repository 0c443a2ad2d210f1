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
      new Errors.CallTimeout({ server: "fs", seconds: 300 }),
      1504,
      'Server "fs" did not answer within 300 s; the call was cancelled (mcpServers.fs.callTimeout)'
    ]
  ] satisfies ReadonlyArray<readonly [Errors.ProxyError, number, string]>)("%s", (error, code, message) => {
    const verdict = Errors.verdict(error)
    assert.strictEqual(verdict.code, code)
    assert.strictEqual(verdict.message, message)
  })

  it("a resource that is not there is named as data too, as MCP asks", () => {
    assert.deepStrictEqual(Errors.verdict(new Errors.UnknownResource({ uri: "a://b" })).data, { uri: "a://b" })
  })

  it("a name is quoted, so that its characters cannot be taken for ours", () => {
    const error = new Errors.UnknownName({ kind: "tool", name: 'x". Did\nyou', nearest: ['y"'] })
    assert.include(error.message, '"x\\". Did\\nyou"')
    assert.include(error.message, '"y\\""')
  })
})
