/** Any request at all, held against the official classifier and handler. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as HeaderText from "../../src/domain/HeaderText.ts"
import { META } from "../../src/domain/Protocol.ts"
import { envelope, MODERN, ours, type Sent, theirs } from "../support/eras.ts"

const versions = fc.oneof(
  { weight: 3, arbitrary: fc.constant(MODERN) },
  fc.constantFrom("2025-11-25", "1900-01-01", "2027-01-01", "")
)
const UNNAMED = ["initialize", "tools/list", "server/discover", "ping", "no/such", "constructor"]
const NAMED = ["tools/call", "prompts/get", "resources/read", "tasks/get", "tasks/update", "tasks/cancel"]
const methods = fc.constantFrom(...UNNAMED, ...NAMED)
const names = fc.constantFrom("add", "Add", "addé", "=?base64?YWRk?=", "")
const junk = fc.constantFrom<unknown>(5, null, [], true)

/** What a capability may be and may not. */
const capability = fc.oneof(
  fc.constantFrom<object>({}, { form: {} }, { url: {}, form: {} }, { tools: {}, context: {} }, { "a/b": { x: 1 } }),
  fc.constantFrom<unknown>({ form: 5 }, { url: null }, { tools: [] }, { context: "x" }, { "a/b": true }),
  junk
)
const capabilities = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.record(
    {
      elicitation: capability,
      experimental: capability,
      extensions: capability,
      roots: capability,
      sampling: capability,
      unknown: junk
    },
    { requiredKeys: [] }
  ),
  junk
)
const clients = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom<object>({ name: "x", version: "1" }, { name: "x", version: "1", title: "X" })
  },
  fc.constantFrom<unknown>({}, { name: "x" }, { name: 5, version: "1" }, { name: "x", version: null }),
  junk
)

const metas = fc.oneof(
  { weight: 4, arbitrary: fc.constant(envelope()) },
  fc.record(
    {
      [META.protocolVersion]: fc.oneof({ weight: 6, arbitrary: versions }, junk),
      [META.clientCapabilities]: capabilities,
      [META.clientInfo]: clients,
      [META.logLevel]: fc.constantFrom<unknown>("debug", "emergency", "loud", null),
      progressToken: fc.constantFrom(1, "x")
    },
    { requiredKeys: [] }
  ),
  fc.record({ [META.protocolVersion]: versions, [META.clientCapabilities]: fc.constant({}) })
)

const params = fc
  .record({
    target: fc.option(fc.oneof({ weight: 5, arbitrary: names }, junk), { nil: undefined }),
    _meta: fc.option(metas, { nil: undefined, freq: 8 })
  })
  .map(({ _meta, target }) => ({ name: target, uri: target, taskId: target, _meta }))
const jsonrpc = fc.constant("2.0")
const id = fc.constant(1)
const messages: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ jsonrpc, id, method: methods, params }, { requiredKeys: ["jsonrpc", "id", "method"] })
  },
  { weight: 2, arbitrary: fc.record({ jsonrpc, method: methods, params }, { requiredKeys: ["jsonrpc", "method"] }) },
  { weight: 1, arbitrary: fc.record({ jsonrpc, id, result: fc.constant({}) }) },
  { weight: 1, arbitrary: fc.record({ jsonrpc, id, error: fc.constant({ code: 1, message: "x" }) }) }
)

const memberOf = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined

/** A header's value: mostly what the body says, if it says anything, else something else, else none. */
const headerOf = (said: unknown, others: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 6, arbitrary: typeof said === "string" && /^[\x20-\x7e]*$/u.test(said) ? fc.constant(said) : others },
    { weight: 1, arbitrary: others },
    { weight: 1, arbitrary: fc.constant(undefined) }
  )
const blanks = fc.constantFrom("", "", " ", "\t", " \t ")
const padded = (value: fc.Arbitrary<string | undefined>) =>
  fc.tuple(blanks, value, blanks).map(([before, text, after]) => text && `${before}${text}${after}`)
const encodedNames = fc.constantFrom(
  HeaderText.encode("add"),
  HeaderText.encode("addé"),
  HeaderText.encode("=?base64?YWRk?="),
  "=?base64?YWRk?=",
  "=?base64?Y!k?=",
  "=?base64?YWRkcw?=",
  "Add"
)

const sent: fc.Arbitrary<Sent> = fc
  .oneof({ weight: 12, arbitrary: messages }, fc.array(messages, { maxLength: 3 }))
  .chain((body) => {
    const said = memberOf(body, "params")
    return fc.record({
      headers: fc.record({
        "mcp-protocol-version": padded(headerOf(memberOf(memberOf(said, "_meta"), META.protocolVersion), versions)),
        "mcp-method": padded(headerOf(memberOf(body, "method"), methods)),
        "mcp-name": padded(headerOf(memberOf(said, "name"), encodedNames))
      }),
      body: fc.constant(body)
    })
  })

describe("the era of a request", () => {
  it("is what the official classifier and handler say, and refused with the same code and status", async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(sent, async (one) => {
        const expected = await theirs(one)
        seen.add(expected)
        assert.strictEqual(ours(one), expected)
      }),
      { numRuns: 4000 }
    )
    const outcomes = ["legacy", "modern", "400 -32600", "400 -32602", "400 -32020", "400 -32022"]
    assert.sameMembers([...seen], outcomes, "every outcome there is has been compared")
  }, 60_000)
})
