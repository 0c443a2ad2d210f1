/** Which era a request is of: the official classifier's answer, but where the specification says otherwise. */
import { assert, describe, it } from "@effect/vitest"
import { classifyInboundRequest, createMcpHandler, McpServer } from "@modelcontextprotocol/server"
import * as fc from "fast-check"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import * as Era from "../../src/domain/Era.ts"
import * as Json from "../../src/domain/Json.ts"
import { META, MODERN_REVISIONS } from "../../src/domain/Protocol.ts"

const MODERN = MODERN_REVISIONS[0]

interface Sent {
  readonly headers: Era.Headers
  readonly body: unknown
}

/** What ours says, in the words of the comparison. */
const ours = ({ body, headers }: Sent): string => {
  const read = ClientMessage.read(Json.encode(body))
  if (read._tag === "Refusal") return `400 ${read.code}`
  const classified = Era.classify(headers, read)
  return classified._tag === "Refused" ? `${classified.status} ${classified.code}` : classified._tag.toLowerCase()
}

const oracle = ({ body, headers }: Sent): string => {
  const outcome = classifyInboundRequest({
    httpMethod: "POST",
    body: JSON.parse(JSON.stringify(body)),
    ...(headers["mcp-protocol-version"] === undefined
      ? {}
      : { protocolVersionHeader: headers["mcp-protocol-version"] }),
    ...(headers["mcp-method"] === undefined ? {} : { mcpMethodHeader: headers["mcp-method"] }),
    ...(headers["mcp-name"] === undefined ? {} : { mcpNameHeader: headers["mcp-name"] })
  })
  return outcome.kind === "reject" ? `${outcome.httpStatus} ${outcome.code}` : outcome.kind
}

const envelope = (more: object = {}) => ({ [META.protocolVersion]: MODERN, [META.clientCapabilities]: {}, ...more })

const versions = fc.constantFrom(MODERN, "2025-11-25", "1900-01-01", "2027-01-01", "")
const NAMED = ["tools/call", "prompts/get", "resources/read"]
const methods = fc.constantFrom("initialize", "tools/list", "server/discover", "ping", "no/such", ...NAMED)
const junk = fc.constantFrom<unknown>(5, null, [], true)

const texts = fc.oneof(fc.constantFrom<unknown>("x", "light"), junk)
const maybe = (...names: ReadonlyArray<string>) => {
  const member = fc.oneof(fc.constantFrom<unknown>({}, { a: {} }, { applyDefaults: true }, { applyDefaults: 1 }), junk)
  return fc.record(Object.fromEntries(names.map((name) => [name, member])), { requiredKeys: [] })
}
const capabilities = fc.record(
  {
    elicitation: fc.oneof(maybe("form", "url", "x"), junk),
    experimental: fc.oneof(maybe("a", "b"), junk),
    extensions: fc.oneof(maybe("a/b"), junk),
    roots: fc.oneof(maybe("listChanged"), junk),
    sampling: fc.oneof(maybe("context", "tools"), junk),
    other: junk
  },
  { requiredKeys: [] }
)
const icons = fc.array(
  fc.record(
    { src: texts, mimeType: texts, sizes: fc.array(texts, { maxLength: 1 }), theme: texts },
    { requiredKeys: [] }
  )
)
const implementations = fc.record(
  {
    name: fc.constant("x"),
    version: fc.constant("1"),
    title: texts,
    description: texts,
    websiteUrl: texts,
    icons: fc.oneof(icons, junk)
  },
  { requiredKeys: ["name", "version"] }
)

const metas = fc.oneof(
  { weight: 4, arbitrary: fc.constant(envelope()) },
  fc.record({ [META.protocolVersion]: fc.oneof(versions, junk) }),
  fc.record({
    [META.protocolVersion]: fc.oneof(versions, junk),
    [META.clientCapabilities]: fc.oneof(fc.constant({}), junk)
  }),
  fc.record({
    [META.protocolVersion]: fc.constant(MODERN),
    [META.clientCapabilities]: fc.oneof(
      fc.constantFrom<object>({ elicitation: {} }, { roots: { listChanged: true } }, { sampling: {}, x: 1 }),
      fc.constantFrom<object>({ elicitation: 5 }, { roots: "x" }, { sampling: [] }, { extensions: { "a/b": {} } })
    ),
    [META.clientInfo]: fc.oneof(
      fc.constantFrom<unknown>({ name: "x", version: "1" }, { name: "x", version: "1", title: "X" }),
      junk,
      fc.constantFrom<unknown>({}, { name: "x" }, { name: 5, version: "1" }, { name: "x", version: 1 })
    ),
    [META.logLevel]: fc.constantFrom<unknown>("debug", "emergency")
  }),
  capabilities.map((declared) => envelope({ [META.clientCapabilities]: declared })),
  implementations.map((info) => envelope({ [META.clientInfo]: info })),
  fc.constant(envelope({ [META.logLevel]: "loud" })),
  fc.constant({ progressToken: 1 })
)

const blanks = fc.constantFrom("", " ", "\t", " \t ")
const padded = (value: fc.Arbitrary<string>) => fc.tuple(blanks, value, blanks).map((parts) => parts.join(""))

const messages: fc.Arbitrary<unknown> = fc
  .record({
    kind: fc.constantFrom("request", "request", "request", "notification", "result", "error"),
    method: methods,
    meta: fc.option(metas, { nil: undefined })
  })
  .map(({ kind, meta, method }) => {
    const params = meta === undefined ? undefined : { _meta: meta }
    if (kind === "result") return { jsonrpc: "2.0", id: 1, result: {} }
    if (kind === "error") return { jsonrpc: "2.0", id: 1, error: { code: 1, message: "x" } }
    // What is undefined is not written.
    return { jsonrpc: "2.0", id: kind === "request" ? 1 : undefined, method, params }
  })

const sent: fc.Arbitrary<Sent> = fc.record({
  headers: fc.record({ "mcp-protocol-version": padded(versions), "mcp-method": padded(methods) }, { requiredKeys: [] }),
  body: fc.oneof({ weight: 9, arbitrary: messages }, fc.array(messages, { maxLength: 3 }))
})

const targets = fc.oneof(fc.constantFrom<unknown>("add", "caf\u{e9}", "=?base64?YWRk?=", ""), junk)
const mirrored = fc.constantFrom("add", "sub", "=?base64?YWRk?=", "=?base64?Y2Fmw6k=?=", "=?base64?Y!?=", "")

/** What the official handler says, which has a server behind it. */
const handler = createMcpHandler(
  () => new McpServer({ name: "oracle", version: "1" }, { capabilities: { tools: {} } }),
  {
    legacy: "reject"
  }
)
const status = async ({ body, headers }: Sent): Promise<string> => {
  const present = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  const response = await handler.fetch(
    new Request("http://localhost/mcp", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...(Object.fromEntries(present) as Record<string, string>)
      },
      body: JSON.stringify(body)
    })
  )
  if (response.status === 202) return "modern"
  const { error } = (await response.json()) as { readonly error?: { readonly code: number } }
  return error?.code === -32020 || error?.code === -32022 ? `${response.status} ${error.code}` : "modern"
}

describe("the era of a request", () => {
  it("is what the official classifier says, and refused with the same code and status", () => {
    fc.assert(
      fc.property(sent, (one) => {
        const said = ours(one)
        const expected = oracle(one)
        // What the classifier leaves to its caller, the handler is asked below.
        if (expected !== "modern") assert.strictEqual(said, expected)
        else assert.include(["modern", "400 -32020", "400 -32022"], said)
      }),
      { numRuns: 5000 }
    )
  })

  it("is what the official handler makes of it where the classifier says modern: revisions served, headers needed", async () => {
    const nearly = fc.record({
      headers: fc.record(
        { "mcp-protocol-version": fc.constant(MODERN), "mcp-method": methods, "mcp-name": padded(mirrored) },
        { requiredKeys: [] }
      ),
      method: fc.oneof(methods, fc.constantFrom(...NAMED)),
      revision: fc.oneof({ weight: 4, arbitrary: fc.constant(MODERN) }, versions),
      target: fc.record({ name: targets, uri: targets }, { requiredKeys: [] }),
      agree: fc.boolean(),
      id: fc.constantFrom({ id: 1 }, { id: 1 }, { id: 1 }, {})
    })
    await fc.assert(
      fc.asyncProperty(nearly, async ({ agree, headers, id, method, revision, target }) => {
        const params = { ...target, _meta: envelope({ [META.protocolVersion]: revision }) }
        const one: Sent = {
          headers: agree ? { ...headers, "mcp-protocol-version": revision, "mcp-method": method } : headers,
          body: { jsonrpc: "2.0", ...id, method, params }
        }
        if (oracle(one) === "modern") assert.strictEqual(ours(one), await status(one))
      }),
      { numRuns: 1500 }
    )
  })

  it("is legacy where initialize claims what is no revision at all, which the official classifier takes for a later one", () => {
    const body = {
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { _meta: { [META.protocolVersion]: "text", [META.clientCapabilities]: {} } }
    }
    assert.deepStrictEqual([ours({ headers: {}, body }), oracle({ headers: {}, body })], ["legacy", "modern"])
  })

  it("is legacy for a batch with something malformed in it, whose other messages are answered", () => {
    const body = [{ jsonrpc: "2.0", id: 1, method: "ping" }, { jsonrpc: "2.0" }]
    assert.deepStrictEqual([ours({ headers: {}, body }), oracle({ headers: {}, body })], ["legacy", "400 -32600"])
  })

  it.each([
    ["request", { id: 1 }, "400 -32602"],
    ["notification", {}, "modern"]
  ])("is legacy for a %s without a claim whose header names no revision at all", (_, id, official) => {
    const one = {
      headers: { "mcp-protocol-version": "text" },
      body: { jsonrpc: "2.0", ...id, method: "tools/list", params: {} }
    }
    assert.deepStrictEqual([ours(one), oracle(one)], ["legacy", official])
  })

  it.each([[{}], [1.5], [null]])(
    "is refused as a malformed envelope where the progress token is %j, which the official classifier calls no request",
    (progressToken) => {
      const body = { jsonrpc: "2.0", id: 1, method: "tools/list", params: { _meta: envelope({ progressToken }) } }
      assert.deepStrictEqual([ours({ headers: {}, body }), oracle({ headers: {}, body })], ["400 -32602", "400 -32600"])
    }
  )

  it("is modern whatever stands under a key of older revisions, which the official classifier still reads", () => {
    const one = {
      headers: { "mcp-protocol-version": MODERN, "mcp-method": "tools/list" },
      body: {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/list",
        params: { _meta: envelope({ "io.modelcontextprotocol/related-task": 5 }) }
      }
    }
    assert.deepStrictEqual([ours(one), oracle(one)], ["modern", "400 -32600"])
  })
})

/** A tools/call with the headers that it needs, and others in their place. */
const call = (headers: Era.Headers = {}, params: object = { name: "add" }): Sent => ({
  headers: { "mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "add", ...headers },
  body: { jsonrpc: "2.0", id: 1, method: "tools/call", params: { ...params, _meta: envelope() } }
})

describe("the headers of a request", () => {
  it.each([
    ["all there", call(), "modern"],
    ["blanks around values", call({ "mcp-name": " add\t" }), "modern"],
    ["a name in Base64", call({ "mcp-name": "=?base64?YWRk?=" }), "modern"],
    ["no revision", call({ "mcp-protocol-version": undefined }), "400 -32020"],
    ["no method", call({ "mcp-method": undefined }), "400 -32020"],
    ["no name", call({ "mcp-name": undefined }), "400 -32020"],
    ["another name", call({ "mcp-name": "sub" }), "400 -32020"],
    ["a name in another case", call({ "mcp-name": "Add" }), "400 -32020"],
    ["Base64 that is none", call({ "mcp-name": "=?base64?Y!k?=" }), "400 -32020"],
    ["Base64 without padding", call({ "mcp-name": "=?base64?YWRkcw?=" }), "400 -32020"],
    ["a name where the body has none", call({}, {}), "modern"],
    ["no name where the body has none", call({ "mcp-name": undefined }, {}), "modern"]
  ] as const)("are judged as the official handler judges them: %s", async (_, one, expected) => {
    assert.deepStrictEqual([ours(one), await status(one)], [expected, expected])
  })

  it("are refused where a name is beyond ASCII, which the official handler takes for Latin-1", async () => {
    const one = call({ "mcp-name": "caf\u{e9}" }, { name: "caf\u{e9}" })
    assert.deepStrictEqual([ours(one), await status(one)], ["400 -32020", "modern"])
  })

  it.each([
    ["tools/call", "name"],
    ["prompts/get", "name"],
    ["resources/read", "uri"],
    ["tasks/get", "taskId"],
    ["tasks/update", "taskId"],
    ["tasks/cancel", "taskId"]
  ])("say whom %s is for", (method, member) => {
    const one = (name: string): Sent => ({
      headers: { "mcp-protocol-version": MODERN, "mcp-method": method, "mcp-name": name },
      body: { jsonrpc: "2.0", id: 1, method, params: { [member]: "x", _meta: envelope() } }
    })
    assert.deepStrictEqual([ours(one("x")), ours(one("y"))], ["modern", "400 -32020"])
  })

  it("name a revision that is not served: which are, and which was asked for", () => {
    const body = ClientMessage.read(
      Json.encode({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/list",
        params: { _meta: { ...envelope(), [META.protocolVersion]: "v999.0.0" } }
      })
    )
    if (body._tag === "Refusal") throw new Error(body.reason)
    const classified = Era.classify({ "mcp-protocol-version": "v999.0.0" }, body)
    assert.deepInclude(classified, { status: 400, data: { supported: [MODERN], requested: "v999.0.0" } })
  })
})
