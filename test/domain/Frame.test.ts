/** A message of an upstream's: read as far as its envelope, and given another id without a byte changed elsewhere. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import { RESPONSE_CLASSES, type ResponseClass, responseText, Statistics, stringText } from "../support/jsonText.ts"

const read = (text: string): Frame.Frame => {
  const frame = Frame.read(Json.utf8(text))
  if (!Frame.isFrame(frame)) throw new Error(`${frame.malformed}: ${text}`)
  return frame
}

const refusal = (text: string): string | undefined => {
  const frame = Frame.read(Json.utf8(text))
  return Frame.isFrame(frame) ? undefined : frame.malformed
}

const joined = (pieces: ReadonlyArray<Uint8Array>): string => Buffer.concat(pieces).toString()

describe("a response under another id", () => {
  it("keeps every byte outside the top-level id's value, and has the new id", () => {
    const statistics = new Statistics<ResponseClass>()
    const newId = fc.oneof(fc.nat().map(String), stringText)
    fc.assert(
      fc.property(responseText, newId, ({ classes, text, withId }, id) => {
        statistics.add(classes)
        const spliced = joined(Frame.withId(read(text), Json.utf8(id)))
        assert.strictEqual(spliced, withId(id))
        const parsed = JSON.parse(spliced) as { readonly id: unknown }
        assert.deepStrictEqual(parsed.id, JSON.parse(id))
        const { id: _, ...rest } = parsed as Record<string, unknown>
        const { id: __, ...before } = JSON.parse(text) as Record<string, unknown>
        assert.deepStrictEqual(rest, before)
      }),
      { numRuns: 1500 }
    )
    assert.deepStrictEqual(statistics.below(0.1, RESPONSE_CLASSES), [])
  })

  it("says which request it answers, and gives the id back as its sender spelled it", () => {
    fc.assert(
      fc.property(responseText, ({ id, text }) => {
        const frame = read(text)
        assert.strictEqual(frame.kind, "response")
        assert.deepStrictEqual(frame.id, JSON.parse(id))
        assert.strictEqual(Buffer.from(Frame.rawId(frame)).toString(), id)
      })
    )
  })

  it("leaves the message that it was made of as it was", () => {
    const bytes = Json.utf8('{"id":1,"result":{}}')
    const copy = Uint8Array.from(bytes)
    const frame = Frame.read(bytes)
    assert.isTrue(Frame.isFrame(frame))
    if (Frame.isFrame(frame)) Frame.withId(frame, Json.utf8('"another"'))
    assert.deepStrictEqual(bytes, copy)
  })
})

describe("what a message is", () => {
  it.each([
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', "request", 1],
    ['{"id":"a","method":"ping","params":{}}', "request", "a"],
    ['{"method":"notifications/x"}', "notification", undefined],
    ['{"id":1,"result":null}', "response", 1],
    ['{"id":1.5,"result":{}}', "response", 1.5],
    ['{"id":null,"error":{}}', "response", null],
    [' \r\n{ "result" : { "id" : 2, "method" : "x" } , "id" : 3 } \n', "response", 3],
    ['{"\\u0069d":4,"\\u006dethod":"ping"}', "request", 4],
    ['{"id":5,"params":{"Method":"x","ID":6},"method":"m"}', "request", 5],
    ['{"id":1,"id":2,"result":{}}', "response", 2]
  ])("%s", (text, kind, id) => {
    const frame = read(text)
    assert.strictEqual(frame.kind, kind)
    assert.strictEqual(frame.id, id)
  })

  it("a method is read whatever way it is spelled", () => {
    assert.strictEqual(read('{"method":"tools\\/list"}').method, "tools/list")
    assert.strictEqual(read('{"id":1,"result":{"method":"inner"}}').method, "")
  })

  it("parameters are found by path, and the last of several counts", () => {
    const frame = read('{"method":"m","params":{"a":{"b":1,"b":[2]}}}')
    const span = Frame.at(frame, "a", "b")
    assert.strictEqual(span === undefined ? undefined : Json.text(frame.bytes, span), "[2]")
    assert.isUndefined(Frame.at(frame, "a", "c"))
    assert.isUndefined(Frame.at(read('{"method":"m"}'), "a"))
  })

  it("so is what stands in a result or an error, and not what stands beside it", () => {
    assert.strictEqual(Frame.valueAt(read('{"id":1,"result":{"a":1,"a":2}}'), "a"), 2)
    assert.strictEqual(Frame.valueAt(read('{"params":{"a":1},"id":1,"result":{"b":2}}'), "a"), undefined)
    assert.strictEqual(Frame.valueAt(read('{"id":1,"result":{"b":2},"params":{"a":1}}'), "b"), 2)
    assert.strictEqual(Frame.valueAt(read('{"id":1,"result":[{"a":1}]}'), "a"), undefined)
    assert.strictEqual(Frame.errorCode(read('{"id":1,"error":{"code":-1,"message":""}}')), -1)
    assert.strictEqual(Frame.errorCode(read('{"id":1,"result":{"code":-1}}')), undefined)
  })
})

describe("texts that are refused, for two readers could read two messages out of them", () => {
  it.each([
    ["a method beside a result", '{"id":1,"method":"ping","result":{}}'],
    ["a method beside an error", '{"id":1,"error":{},"method":"ping"}'],
    ["a result beside an error", '{"id":1,"result":{},"error":{}}'],
    ["two methods", '{"id":1,"method":"a","method":"b"}'],
    ["two methods, one spelled with an escape", '{"id":1,"method":"a","\\u006dethod":"b"}'],
    ["Method", '{"id":1,"method":"a","Method":"b"}'],
    ["METHOD alone", '{"id":1,"METHOD":"b"}'],
    ["Id beside a result", '{"id":1,"Id":2,"result":{}}'],
    ["Result", '{"id":1,"Result":{}}'],
    ["eRROR", '{"id":1,"result":{},"eRROR":{}}'],
    ["paramſ with a long s", '{"id":1,"method":"a","paramſ":{}}'],
    ["paramſ spelled with an escape", '{"id":1,"method":"a","param\\u017f":{}}'],
    ["reſult", '{"id":1,"reſult":{},"result":{}}'],
    ["İd with a dotted capital I, which some map to i alone", '{"id":1,"İd":2,"result":{}}'],
    ["ıd with a dotless i", '{"id":1,"ıd":2,"result":{}}']
  ])("%s", (_, text) => {
    assert.isString(refusal(text))
  })

  it("the Kelvin sign stands for k in keys that have one", () => {
    const keys = new Frame.DecisiveKeys(["progressToken", "uri"])
    assert.isTrue(keys.resembles("progressTo\u212aen"))
    assert.isFalse(keys.resembles("progressToken"))
    assert.isFalse(keys.resembles("progress"))
  })

  it("what a key resembles or repeats is said", () => {
    const keys = new Frame.DecisiveKeys(["name", "uri"])
    const ambiguity = (text: string) => keys.ambiguity(Json.members(Json.utf8(text), 0) ?? [])
    assert.include(ambiguity('{"name":1,"Name":2}'), '"Name"')
    assert.include(ambiguity('{"name":1,"name":2}'), "twice")
    assert.include(ambiguity('{"name":1,"n\\u0061me":2}'), "twice")
    assert.isUndefined(ambiguity('{"name":1,"other":2,"other":3,"uri":4}'))
  })
})

describe("texts that are no message", () => {
  it.each([
    ["", "nothing"],
    ["   ", "white space"],
    ["[]", "an array"],
    ['[{"id":1,"result":{}}]', "a batch"],
    ["null", "null"],
    ["Server listening on port 3000", "a line of a log"],
    ['{"id":1,"result":{}', "an object that never ends"],
    ['{"id":1,"result":"', "a string that never ends"],
    ['{"id":1,"result":{}} {"id":2,"result":{}}', "two objects"],
    ['{"id":1,"result":{}}x', "text after the object"],
    ['{"id" 1}', "a member without colon"],
    ['{"id":1 "result":{}}', "members without comma"],
    ['{id:1,"result":{}}', "a key without quotes"],
    ['{"\\x":1,"id":1,"result":{}}', "a key with an escape that JSON does not know"],
    ['{"id":1}', "neither method, result nor error"],
    ['{"result":{}}', "a response without an id"],
    ['{"id":true,"result":{}}', "an id that is a boolean"],
    ['{"id":{},"result":{}}', "an id that is an object"],
    ['{"id":tru,"result":{}}', "an id that is no JSON"],
    ['{"id":null,"method":"ping"}', "a request whose id is null"],
    ['{"id":1,"method":7}', "a method that is a number"],
    ['{"id":1,"method":""}', "an empty method"]
  ])("%s: %s", (text) => {
    assert.isString(refusal(text))
  })

  it("no bytes at all make reading throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.string({ unit: "binary" }).map(Json.utf8)), (bytes) => {
        Frame.read(bytes)
      }),
      { numRuns: 500 }
    )
  })

  it("no way of cutting a message off makes it another message", () => {
    fc.assert(
      fc.property(responseText, fc.double({ min: 0, max: 1, noNaN: true }), ({ text }, share) => {
        const whole = text.trimEnd()
        const cut = whole.slice(0, Math.floor(share * (whole.length - 1)))
        assert.isString(refusal(cut))
      })
    )
  })
})
