/** Where the era of a request is not what the official classifier says, and why. */
import { assert, describe, it } from "@effect/vitest"
import * as Era from "../../src/domain/Era.ts"
import { META } from "../../src/domain/Protocol.ts"
import { envelope, messageOf, MODERN, ours, type Sent, theirs } from "../support/eras.ts"

describe("the era of a request", () => {
  it("is legacy where initialize claims what is no revision at all, which the official classifier takes for a later one", async () => {
    const body = {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { _meta: { [META.protocolVersion]: "text", [META.clientCapabilities]: {} } }
    }
    assert.deepStrictEqual([ours({ headers: {}, body }), await theirs({ headers: {}, body })], ["legacy", "400 -32022"])
  })

  it("is legacy for a batch with something malformed in it, whose other messages are answered", async () => {
    const body = [{ jsonrpc: "2.0", id: 1, method: "ping" }, { jsonrpc: "2.0" }]
    assert.deepStrictEqual([ours({ headers: {}, body }), await theirs({ headers: {}, body })], ["legacy", "400 -32600"])
  })

  it.each([
    ["request", { id: 1 }, "400 -32602"],
    ["notification", {}, "400 -32022"]
  ])("is legacy for a %s without a claim whose header names no revision at all", async (_, id, official) => {
    const one = {
      headers: { "mcp-protocol-version": "text" },
      body: { jsonrpc: "2.0", ...id, method: "tools/list", params: {} }
    }
    assert.deepStrictEqual([ours(one), await theirs(one)], ["legacy", official])
  })

  it.each([[{}], [1.5], [null]])(
    "is refused as a malformed envelope where the progress token is %j, which the official classifier calls no request",
    async (progressToken) => {
      const body = { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: envelope({ progressToken }) } }
      assert.deepStrictEqual(
        [ours({ headers: {}, body }), await theirs({ headers: {}, body })],
        ["400 -32602", "400 -32600"]
      )
    }
  )

  it("is modern whatever stands under a key of older revisions, which the official classifier still reads", async () => {
    const one = {
      headers: { "mcp-protocol-version": MODERN, "mcp-method": "tools/list" },
      body: {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/list",
        params: { _meta: envelope({ "io.modelcontextprotocol/related-task": 5 }) }
      }
    }
    assert.deepStrictEqual([ours(one), await theirs(one)], ["modern", "400 -32600"])
  })
})

describe("the headers of a request", () => {
  it("are refused where a name is beyond ASCII, which the official handler takes for Latin-1", async () => {
    const name = "caf\u{e9}"
    const one: Sent = {
      headers: { "mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": name },
      body: { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, _meta: envelope() } }
    }
    assert.deepStrictEqual([ours(one), await theirs(one)], ["400 -32020", "modern"])
  })

  it("name a revision that is not served: which are, and which was asked for", () => {
    const params = { _meta: { ...envelope(), [META.protocolVersion]: "v999.0.0" } }
    const body = messageOf({ jsonrpc: "2.0", id: 1, method: "tools/list", params })
    const classified = Era.classify({ "mcp-protocol-version": "v999.0.0" }, body)
    assert.deepInclude(classified, { status: 400, data: { supported: [MODERN], requested: "v999.0.0" } })
  })
})
