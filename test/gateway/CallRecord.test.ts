/** A client's request as the audit trail has it. */
import { assert, describe, it } from "@effect/vitest"
import { MAX_ARGUMENTS } from "../../src/access/AuditBounds.ts"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import { Subject } from "../../src/domain/ServerId.ts"
import { callRecord } from "../../src/gateway/CallRecord.ts"

const asked = {
  principal: {
    subject: Subject.make("google:1"),
    kind: "person",
    displayName: "ada@example.com",
    email: "ada@example.com",
    hostedDomain: "example.com",
    clientId: "https://client.example/metadata"
  },
  client: { name: "editor", version: "2" },
  session: "s-1",
  began: 1000,
  now: 1250
} as const

const record = (method: string, params: unknown, outcome: "ok" | "denied" = "ok", keepsArguments = false) => {
  const text = JSON.stringify({ jsonrpc: "2.0", id: "r-1", method, params })
  const request = ClientMessage.read(Buffer.from(text))
  if (request._tag !== "Request") throw new Error("not a request")
  const result = { outcome, server: "fs", bytesOut: 9 }
  return { text, ...JSON.parse(JSON.stringify(callRecord(request, asked, result, keepsArguments))) } as Record<
    string,
    unknown
  >
}

describe("a record of a call", () => {
  it("says who, through what, when, how long and how much, and no more of a person than that", () => {
    const { text, ...rest } = record("tools/call", { name: "fs_read", arguments: { path: "/secret" } })
    assert.deepStrictEqual(rest, {
      time: 1000,
      kind: "call",
      outcome: "ok",
      principal: { subject: "google:1", name: "ada@example.com", email: "ada@example.com" },
      client: { id: "https://client.example/metadata", name: "editor", version: "2" },
      session: "s-1",
      server: "fs",
      method: "tools/call",
      target: "fs_read",
      millis: 250,
      bytesIn: String(text).length,
      bytesOut: 9,
      request: "r-1"
    })
  })

  it.each([
    ["tools/call", { name: "fs_read" }, "fs_read"],
    ["prompts/get", { name: "fs_prompt" }, "fs_prompt"],
    ["resources/read", { uri: "file://fs/x" }, "file://fs/x"],
    ["resources/subscribe", { uri: "file://fs/x" }, "file://fs/x"],
    ["completion/complete", { ref: { type: "ref/prompt", name: "p" }, argument: { name: "a", value: "b" } }, "p"],
    ["completion/complete", { ref: { type: "ref/resource", uri: "u://x" } }, "u://x"],
    ["tools/list", undefined, undefined],
    ["tools/call", { name: 5 }, undefined]
  ])("%s of %o names %s", (method, params, target) => {
    assert.strictEqual(record(method, params)["target"], target)
  })

  it("that was denied is a refusal", () => {
    assert.strictEqual(record("tools/call", { name: "x" }, "denied")["kind"], "refusal")
  })

  it("has arguments where they are kept, but no huge ones", () => {
    const given = { path: "/a" }
    assert.deepStrictEqual(record("tools/call", { name: "x", arguments: given }, "ok", true)["arguments"], given)
    const huge = { text: "x".repeat(MAX_ARGUMENTS) }
    assert.match(String(record("tools/call", { name: "x", arguments: huge }, "ok", true)["arguments"]), /too large/u)
    assert.notProperty(record("tools/list", undefined, "ok", true), "arguments")
  })
})
