/** The URIs in results and notifications become public, and nothing else changes. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Rewrite from "../../src/domain/Rewrite.ts"
import { escaped, space, spelled, valueText } from "../support/jsonText.ts"

const frame = (text: string): Frame.Frame => {
  const read = Frame.read(Json.utf8(text))
  if (!Frame.isFrame(read)) throw new Error(`${read.malformed}: ${text}`)
  return read
}

const publicly = (uri: string): string => `public:${uri}`

const rewritten = (text: string): string => {
  const one = frame(text)
  const edits =
    one.kind === "notification" ? Rewrite.notificationEdits(one, publicly) : Rewrite.resultEdits(one, publicly)
  return Buffer.concat(Json.splice(one.bytes, edits)).toString()
}

const result = (body: string): string => `{"jsonrpc":"2.0","id":1,"result":${body}}`

describe("results", () => {
  it.each([
    [
      "resources/read",
      '{"contents":[{"uri":"a://x","text":"uri"},{"uri":"a://y"}]}',
      '{"contents":[{"uri":"public:a://x","text":"uri"},{"uri":"public:a://y"}]}'
    ],
    [
      "tools/call with a resource link and an embedded resource",
      '{"content":[{"type":"resource_link","uri":"a://x"},{"type":"resource","resource":{"uri":"a://y"}}]}',
      '{"content":[{"type":"resource_link","uri":"public:a://x"},{"type":"resource","resource":{"uri":"public:a://y"}}]}'
    ],
    [
      "prompts/get, content as an object and as a list",
      '{"messages":[{"content":{"resource":{"uri":"a"}}},{"content":[{"uri":"b"}]},{"role":"user"}]}',
      '{"messages":[{"content":{"resource":{"uri":"public:a"}}},{"content":[{"uri":"public:b"}]},{"role":"user"}]}'
    ],
    [
      "messages before content",
      '{"messages":[{"content":{"uri":"a"}}],"content":[{"uri":"b"}]}',
      '{"messages":[{"content":{"uri":"public:a"}}],"content":[{"uri":"public:b"}]}'
    ]
  ])("%s", (_, before, after) => {
    assert.strictEqual(rewritten(result(before)), result(after))
  })

  it.each([
    ["structured content", '{"content":[],"structuredContent":{"uri":"a://x","content":[{"uri":"b"}]}}'],
    ["text that looks like one", '{"content":[{"type":"text","text":"{\\"uri\\":\\"a\\"}"}]}'],
    ["a URI that is no text", '{"content":[{"uri":7},{"uri":null},{"uri":{"uri":"a"}}]}'],
    ["vendor members", '{"_meta":{"uri":"a"},"uri":"b","content":[{"type":"text","annotations":{"uri":"c"}}]}'],
    ["shapes that MCP does not know", '{"content":{"uri":"a"},"contents":"uri","messages":[[{"uri":"a"}],"uri"]}'],
    ["a result that is a list", '[{"uri":"a"}]']
  ])("URIs that name no resource stay: %s", (_, body) => {
    assert.strictEqual(rewritten(result(body)), result(body))
  })

  it("an error says what its server said", () => {
    const text = '{"jsonrpc":"2.0","id":1,"error":{"code":-32002,"data":{"uri":"a","content":[{"uri":"b"}]}}}'
    assert.strictEqual(rewritten(text), text)
  })

  it("every byte but the URIs' own stays, however the JSON is written", () => {
    const uri = fc.string({ unit: "grapheme", maxLength: 12 })
    const block = fc
      .tuple(
        uri.chain((value) => fc.tuple(fc.constant(value), spelled(value))),
        valueText,
        space,
        space
      )
      .map(([[value, text], other, a, b]) => ({
        before: `{"text":${other},${a}"uri"${b}:${a}`,
        text,
        shown: JSON.stringify(publicly(value)),
        after: `${b},"n":12345678901234567890}`
      }))
    fc.assert(
      fc.property(fc.array(block, { maxLength: 5 }), fc.constantFrom("content", "contents"), (blocks, member) => {
        const whole = (key: "text" | "shown"): string =>
          result(`{"${member}": [${blocks.map((one) => one.before + one[key] + one.after).join(" ,")}]}`)
        assert.strictEqual(rewritten(whole("text")), whole("shown"))
      }),
      { numRuns: 300 }
    )
  })

  it.each(["nope", "NaN", "'a'"])(
    "a URI that is no JSON (%s) is its server's fault, and makes nothing throw",
    (value) => {
      assert.strictEqual(rewritten(result(`{"content":[{"uri":${value}}]}`)), result(`{"content":[{"uri":${value}}]}`))
    }
  )

  it("a URI is found also where its key is spelled with escapes", () => {
    fc.assert(
      fc.property(escaped("uri"), (key) => {
        assert.strictEqual(
          rewritten(result(`{"contents":[{${key}:"a://x"}]}`)),
          result(`{"contents":[{${key}:"public:a://x"}]}`)
        )
      }),
      { numRuns: 10 }
    )
  })
})

describe("notifications", () => {
  it("resources/updated names the public URI", () => {
    assert.strictEqual(
      rewritten('{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri": "a://x" ,"title":"t"}}'),
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri": "public:a://x" ,"title":"t"}}'
    )
  })

  it("one without a URI stays as it is", () => {
    const text = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":{"uri":"a"}}}'
    assert.strictEqual(rewritten(text), text)
    assert.strictEqual(rewritten('{"method":"x"}'), '{"method":"x"}')
  })
})
