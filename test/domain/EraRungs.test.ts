/** Which era a request is of, rung by rung, as the official ladder has it. */
import { assert, describe, it } from "@effect/vitest"
import * as Era from "../../src/domain/Era.ts"
import { META } from "../../src/domain/Protocol.ts"
import { envelope, messageOf, MODERN, ours, type Sent, theirs } from "../support/eras.ts"

const request = (method: string, params?: object) => ({
  jsonrpc: "2.0",
  id: 1,
  method,
  ...(params === undefined ? {} : { params })
})
const notification = (params?: object) => ({ jsonrpc: "2.0", method: "notifications/x", ...(params && { params }) })
const posted = (body: unknown, headers: Era.Headers = {}): Sent => ({ headers, body })

/** A request with all that it needs; headers and members of `_meta` in the place of its own. */
const modern = (headers: Era.Headers = {}, more: object = {}, method = "tools/list", params: object = {}): Sent =>
  posted(request(method, { ...params, _meta: envelope(more) }), {
    "mcp-protocol-version": MODERN,
    "mcp-method": method,
    ...headers
  })

const claim = (revision: unknown) => ({ _meta: envelope({ [META.protocolVersion]: revision }) })

describe("each rung of the ladder", () => {
  it.each<readonly [string, Sent, string]>([
    [
      "takes no batch with a claim in it",
      posted([request("ping"), request("tools/list", claim(MODERN))]),
      "400 -32600"
    ],
    [
      "takes no batch with a claim of an older revision in it",
      posted([notification(claim("2025-11-25"))]),
      "400 -32600"
    ],
    [
      "takes a batch for legacy, whatever its header",
      posted([request("ping")], { "mcp-protocol-version": MODERN }),
      "legacy"
    ],
    ["takes a response for legacy", posted({ jsonrpc: "2.0", id: 1, result: {} }), "legacy"],
    ["takes initialize for legacy", posted(request("initialize", { protocolVersion: "2025-11-25" })), "legacy"],
    ["takes initialize for legacy if its claim is malformed", posted(request("initialize", claim(5))), "legacy"],
    [
      "takes initialize for legacy if its claim is of an older revision",
      posted(request("initialize", claim("2025-11-25"))),
      "legacy"
    ],
    [
      "refuses initialize under a modern header",
      posted(request("initialize"), { "mcp-protocol-version": MODERN }),
      "400 -32020"
    ],
    ["takes initialize for modern if it says all that is needed", modern({}, {}, "initialize"), "modern"],
    ["takes a request without a claim for legacy", posted(request("tools/list")), "legacy"],
    [
      "takes a request without a claim for legacy, whatever Mcp-Method says",
      posted(request("ping"), { "mcp-method": "x" }),
      "legacy"
    ],
    [
      "takes a request under an older header for legacy",
      posted(request("ping"), { "mcp-protocol-version": "2025-11-25" }),
      "legacy"
    ],
    [
      "refuses a request without a claim under a modern header",
      posted(request("ping"), { "mcp-protocol-version": `\t${MODERN} ` }),
      "400 -32602"
    ],
    [
      "refuses a malformed envelope before other headers",
      modern({ "mcp-protocol-version": "2025-11-25" }, { [META.clientCapabilities]: 5 }),
      "400 -32602"
    ],
    [
      "refuses another revision in the header before one that is not served",
      modern({}, { [META.protocolVersion]: "2027-01-01" }),
      "400 -32020"
    ],
    ["refuses another method in the header", modern({ "mcp-method": "tools/List" }), "400 -32020"],
    [
      "refuses a revision that is not served before headers that are missing",
      modern({ "mcp-protocol-version": undefined }, { [META.protocolVersion]: "2027-01-01" }),
      "400 -32022"
    ],
    [
      "refuses a claim of an older revision",
      modern({ "mcp-protocol-version": undefined }, { [META.protocolVersion]: "2025-11-25" }),
      "400 -32022"
    ],
    ["refuses a missing revision in the headers", modern({ "mcp-protocol-version": undefined }), "400 -32020"],
    ["refuses a missing method in the headers", modern({ "mcp-method": undefined }), "400 -32020"],
    ["takes a notification for legacy", posted(notification()), "legacy"],
    [
      "takes a notification for modern by its header",
      posted(notification(), { "mcp-protocol-version": MODERN }),
      "modern"
    ],
    ["takes a notification for modern by its claim, without headers", posted(notification(claim(MODERN))), "modern"],
    [
      "refuses a notification with another revision in the header",
      posted(notification(claim(MODERN)), { "mcp-protocol-version": "2025-11-25" }),
      "400 -32020"
    ],
    [
      "refuses a notification with another method in the header",
      posted(notification(claim(MODERN)), { "mcp-method": "x" }),
      "400 -32020"
    ],
    ["refuses a notification whose claim is malformed", posted(notification(claim(5))), "400 -32602"],
    [
      "refuses a notification whose header names a revision that is not served",
      posted(notification(), { "mcp-protocol-version": "2027-01-01" }),
      "400 -32022"
    ]
  ])("%s, as the official ladder does", async (_, one, expected) => {
    assert.deepStrictEqual([ours(one), await theirs(one)], [expected, expected])
  })

  it("reads of a modern request what it says of itself", () => {
    const { body, headers } = modern({}, { [META.clientInfo]: { name: "x", version: "1" } })
    assert.deepStrictEqual(Era.classify(headers, messageOf(body)), {
      _tag: "Modern",
      envelope: { revision: MODERN, capabilities: {}, client: { name: "x", version: "1" }, logLevel: undefined }
    })
  })

  it("says which revisions are served, and which was asked for", () => {
    const revision = { "mcp-protocol-version": "v999.0.0" }
    const { body, headers } = modern(revision, { [META.protocolVersion]: "v999.0.0" })
    assert.deepInclude(Era.classify(headers, messageOf(body)), {
      status: 400,
      data: { supported: [MODERN], requested: "v999.0.0" }
    })
  })

  it("says what a request lacks", () => {
    const classified = Era.classify({ "mcp-protocol-version": MODERN }, messageOf(request("ping")))
    const message = classified._tag === "Refused" ? classified.message : ""
    assert.include(message, META.protocolVersion)
    assert.include(message, META.clientCapabilities)
  })
})
