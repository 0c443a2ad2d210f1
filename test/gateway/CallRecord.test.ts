/** A client's request as the audit trail has it, whatever its server answers. */
import { assert, describe, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import { UnknownName } from "../../src/domain/Errors.ts"
import * as Frame from "../../src/domain/Frame.ts"
import { ServerId, SessionKey, Subject } from "../../src/domain/ServerId.ts"
import * as CallRecord from "../../src/gateway/CallRecord.ts"
import { Session } from "../../src/gateway/Session.ts"

const caller = {
  principal: { subject: Subject.make("google:1"), kind: "person", displayName: "Ada", hostedDomain: "example.com" },
  session: SessionKey.make("s-1"),
  capabilities: {},
  revision: "2025-11-25"
} as const

const call = (method: string, params?: unknown, answered?: string, exit?: CallRecord.Call["exit"]) => {
  const request = ClientMessage.read(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: "r-1", method, params })))
  const answer = answered === undefined ? undefined : Frame.read(Buffer.from(`{"jsonrpc":"2.0","id":1,${answered}}`))
  if (request._tag !== "Request" || (answer !== undefined && !Frame.isFrame(answer))) throw new Error("no such message")
  return CallRecord.make({
    exchange: {
      requester: new Session("sealed", caller, { _tag: "All" }, { name: "editor" }, 0, new ByteBudget(0)),
      request,
      server: ServerId.make("fs"),
      answer
    },
    started: 1000,
    ended: 1250,
    exit: exit ?? Exit.void,
    bytesOut: 9,
    argumentsOf: (value) => value()
  })
}

describe("the record of a call", () => {
  it.each([
    ['"result":{"content":[]}', "ok", undefined],
    ['"result":{"content":[],"isError":true}', "tool-error", undefined],
    ['"result":{"content":[{"text":"\\"isError\\":true"}]}', "ok", undefined],
    ['"result":{"structuredContent":{"isError":true}}', "ok", undefined],
    ['"error":{"code":-32042,"message":"x"}', "error", -32042],
    ['"error":"just words"', "error", undefined],
    // No more than the brackets of these was checked; they travel on as they are, and count for what they say.
    ['"error":{"code":01}', "error", undefined],
    ['"result":{"isError":true,"x":nul}', "tool-error", undefined]
  ])("of an answer %s has the outcome %s and the code %s", (answer, outcome, code) => {
    const record = call("tools/call", { name: "x" }, answer)
    assert.deepStrictEqual([record.outcome, record.code], [outcome, code])
  })

  it.each([
    ["tools/call", { name: "fs_read" }, "fs_read"],
    ["prompts/get", { name: "fs_prompt" }, "fs_prompt"],
    ["resources/read", { uri: "file://fs/x" }, "file://fs/x"],
    ["completion/complete", { ref: { type: "ref/prompt", name: "p" }, argument: { name: "a", value: "b" } }, "p"],
    ["completion/complete", { ref: { type: "ref/resource", uri: "u://x" } }, "u://x"],
    ["tools/list", undefined, undefined],
    ["tools/call", { name: 5 }, undefined]
  ])("%s of %o names %s", (method, params, target) => {
    assert.strictEqual(call(method, params).target, target)
  })

  it("tells what was denied from what is not there", () => {
    const failing = (denied: boolean) =>
      call(
        "tools/call",
        { name: "x" },
        undefined,
        Exit.fail(new UnknownName({ kind: "tool", name: "x", nearest: [], denied }))
      )
    assert.deepInclude(failing(true), { kind: "refusal", outcome: "denied", code: -32602 })
    assert.deepInclude(failing(false), { kind: "call", outcome: "not-found", code: -32602 })
  })

  it("has arguments, but none for whose masking the calls would have to wait", () => {
    assert.deepStrictEqual(call("tools/call", { name: "x", arguments: { a: 1 } }).arguments, { a: 1 })
    const huge = call("tools/call", { name: "x", arguments: { text: "x".repeat(100_000) } })
    assert.strictEqual(huge.arguments, "… 100011 bytes")
  })
})
