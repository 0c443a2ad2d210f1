/** A client's message: judged once, and sent on as nothing else than what was judged, on one line. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import * as Json from "../../src/domain/Json.ts"
import { BODY_CLASSES, type BodyClass, clientBody } from "../support/clientBody.ts"
import { Statistics } from "../support/jsonText.ts"
import { type Careless, find, parse, valueOf } from "../support/strictJson.ts"

const read = (body: string): ClientMessage.Body => ClientMessage.read(Json.utf8(body))

const request = (body: string): ClientMessage.Request => {
  const message = read(body)
  if (message._tag !== "Request") throw new Error(`${JSON.stringify(message)}: ${body}`)
  return message
}

const refusal = (body: string): { readonly code: number; readonly id: string } => {
  const message = read(body)
  if (message._tag !== "Refusal") throw new Error(`not refused, but a ${message._tag}: ${body}`)
  return { code: message.code, id: Buffer.from(message.id).toString() }
}

const encode = (
  message: ClientMessage.Request | ClientMessage.Notification,
  overrides: Readonly<Record<string, unknown>> = {}
): string =>
  Buffer.concat(ClientMessage.encode(message, message._tag === "Request" ? 7 : undefined, overrides)).toString()

/** What JSON.parse makes of a text; undefined: it is none. */
const parsed = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

/** Holds one message of a body against what JSON.parse makes of it. */
const assertSame = (one: ClientMessage.ClientMessage | ClientMessage.Refusal, value: unknown): void => {
  if (one._tag === "Refusal") {
    assert.strictEqual(one.code, -32600)
    return
  }
  const model = value as Readonly<Record<string, unknown>>
  if (one._tag !== "Notification") assert.strictEqual(one.requestId, model["id"])
  if (one._tag === "Response") {
    assert.deepStrictEqual(JSON.parse(Buffer.from(one.body).toString()), model[one.outcome])
    return
  }
  assert.strictEqual(one.method, model["method"])
  assert.strictEqual(one.params === undefined, model["params"] === undefined)
  const params = model["params"] as Readonly<Record<string, unknown>>
  for (const { key } of one.params?.members ?? []) {
    assert.deepStrictEqual(one.params?.get(key), Object.getOwnPropertyDescriptor(params, key)?.value)
  }
}

const CARELESS: ReadonlyArray<Careless> = ["first wins", "last wins"]

const oneLine = (text: string): string => text.replace(/[\r\n]/gu, " ")

describe("whatever a body holds", () => {
  it("it is the message that JSON.parse makes of it, or is refused", () => {
    const odd = fc.constantFrom(
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"__proto__":{"x":1},"name":"b","toString":2}}',
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":1,"x":{"y":[2]}}}',
      '{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}',
      '{"jsonrpc":"2.0","id":1,"result":{"a":[1,2,{}]}}',
      '[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","method":"b"}]',
      '{"jsonrpc":"2.0","id":1,"method":"a","params":{"a":01}}',
      "7",
      "{",
      ""
    )
    const text = fc.oneof(
      clientBody.map((body) => body.text),
      odd
    )
    fc.assert(
      fc.property(text, (body) => {
        const message = read(body)
        const model = parsed(body)
        if (model === undefined) {
          assert.deepInclude(message, { _tag: "Refusal", code: -32700 }, body)
          return
        }
        if (message._tag !== "Batch") return assertSame(message, model.value)
        assert.isArray(model.value)
        for (const [index, one] of message.messages.entries()) assertSame(one, (model.value as Array<unknown>)[index])
      })
    )
  })

  it("an upstream sees the method, name and URI that were judged, however carelessly it reads, on exactly one line", () => {
    const statistics = new Statistics<BodyClass>()
    fc.assert(
      fc.property(clientBody, (body) => {
        statistics.add(body.classes)
        const message = read(body.text)
        assert.strictEqual(message._tag === "Refusal", body.isAmbiguous, JSON.stringify(message))
        if (message._tag !== "Request" && message._tag !== "Notification") return
        assert.strictEqual(message.method, body.method)
        assert.strictEqual(message.params?.get("name"), body.name)
        assert.strictEqual(message.params?.get("uri"), body.uri)
        const line = encode(message)
        assert.notMatch(line, /[\r\n]/u)
        const sent = parse(line)
        for (const careless of CARELESS) {
          assert.strictEqual(valueOf(find(sent, careless, "jsonrpc")), "2.0")
          assert.strictEqual(valueOf(find(sent, careless, "id")), message._tag === "Request" ? 7 : undefined)
          assert.strictEqual(valueOf(find(sent, careless, "method")), body.method)
          assert.strictEqual(valueOf(find(sent, careless, "params", "name")), body.name)
          assert.strictEqual(valueOf(find(sent, careless, "params", "uri")), body.uri)
          assert.strictEqual(
            find(sent, careless, "params", "arguments")?.text,
            body.args === undefined ? undefined : oneLine(body.args)
          )
          assert.isUndefined(find(sent, careless, "result"))
          assert.isUndefined(find(sent, careless, "error"))
        }
      }),
      { numRuns: 1500 }
    )
    assert.deepStrictEqual(statistics.below(0.1, BODY_CLASSES), [])
  })

  it("an upstream sees the name and URI that we put in their place, and no other", () => {
    fc.assert(
      fc.property(clientBody, fc.string(), fc.webUrl(), (body, name, uri) => {
        const message = read(body.text)
        if (message._tag !== "Request" && message._tag !== "Notification") return
        const line = encode(message, { name, uri, cursor: undefined })
        assert.notMatch(line, /[\r\n]/u)
        const sent = parse(line)
        for (const careless of CARELESS) {
          assert.strictEqual(valueOf(find(sent, careless, "params", "name")), name)
          assert.strictEqual(valueOf(find(sent, careless, "params", "uri")), uri)
          assert.isUndefined(find(sent, careless, "params", "cursor"))
        }
      }),
      { numRuns: 500 }
    )
  })

  it("parameters that we do not judge arrive byte for byte, but for raw line breaks", () => {
    fc.assert(
      fc.property(clientBody, (body) => {
        const message = read(body.text)
        if (message._tag !== "Request") return
        const before = (message.params?.members ?? []).map((member) => [
          member.key,
          Buffer.from(message.params?.bytesOf(member) ?? []).toString()
        ])
        const params = find(parse(encode(message)), "last wins", "params")
        assert.strictEqual(params?.type, "object")
        if (params?.type !== "object") return
        const judged = new Set(["name", "uri", "cursor", "_meta"])
        assert.deepStrictEqual(
          params.members.filter(([key]) => !judged.has(key)).map(([key, value]) => [key, value.text]),
          before.filter(([key = ""]) => !judged.has(key)).map(([key, text = ""]) => [key, oneLine(text)])
        )
        assert.deepStrictEqual(
          params.members.map(([key]) => key),
          before.map(([key]) => key)
        )
      }),
      { numRuns: 500 }
    )
  })

  it("reading never throws, and a refusal is an answer that JSON-RPC knows", () => {
    const damaged = fc.tuple(clientBody, fc.nat(), fc.string({ maxLength: 3 })).map(([{ text }, at, junk]) => {
      const place = at % (text.length + 1)
      return text.slice(0, place) + junk + text.slice(place + 1)
    })
    fc.assert(
      fc.property(fc.oneof(damaged.map(Json.utf8), fc.uint8Array({ maxLength: 80 })), (bytes) => {
        const message = ClientMessage.read(bytes)
        if (message._tag === "Refusal") {
          assert.include([-32700, -32600], message.code)
          JSON.parse(Buffer.from(message.id).toString())
        }
      }),
      { numRuns: 500 }
    )
  })

  it.each([
    ["arguments", (deep: string) => `"arguments":{"a":${deep}}`],
    ["_meta", (deep: string) => `"_meta":{"a":${deep}}`],
    ["ref", (deep: string) => `"ref":{"a":${deep}}`]
  ])("however deeply %s is nested, it is refused or sent on: nothing throws", (_, member) => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000)
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x",${member(deep)}}}`
    const message = read(body)
    if (message._tag === "Request") assert.isTrue(encode(message).startsWith("{"))
    else assert.strictEqual(message._tag, "Refusal")
  })
})

describe("what is emitted", () => {
  it("a request without parameters has none, unless we add some", () => {
    const ping = request('{"jsonrpc":"2.0","id":"a","method":"ping"}')
    assert.strictEqual(encode(ping), '{"jsonrpc":"2.0","id":7,"method":"ping"}')
    assert.strictEqual(encode(ping, { uri: undefined }), '{"jsonrpc":"2.0","id":7,"method":"ping"}')
    assert.strictEqual(encode(ping, { a: 1 }), '{"jsonrpc":"2.0","id":7,"method":"ping","params":{"a":1}}')
  })

  it("empty parameters stay", () => {
    assert.strictEqual(
      encode(request('{"params":{ },"jsonrpc":"2.0","id":1,"method":"m"}')),
      '{"jsonrpc":"2.0","id":7,"method":"m","params":{}}'
    )
  })

  it("a notification has no id", () => {
    const message = read('{"jsonrpc":"2.0","method":"notifications/x","params":{"a":[1,\n2]}}')
    assert.strictEqual(message._tag, "Notification")
    if (message._tag === "Notification") {
      assert.strictEqual(encode(message), '{"jsonrpc":"2.0","method":"notifications/x","params":{"a":[1, 2]}}')
    }
  })

  it("members of the envelope that JSON-RPC does not know do not travel on", () => {
    const message = request('{"jsonrpc":"2.0","id":1,"method":"m","extra":1,"__proto__":{"method":"evil"}}')
    assert.strictEqual(encode(message), '{"jsonrpc":"2.0","id":7,"method":"m"}')
  })

  it("__proto__ is a parameter like any other", () => {
    const message = request('{"jsonrpc":"2.0","id":1,"method":"m","params":{"__proto__":{"name":"evil"},"x":1}}')
    assert.isUndefined(message.params?.get("name"))
    assert.strictEqual(
      encode(message, { name: "good" }),
      '{"jsonrpc":"2.0","id":7,"method":"m","params":{"__proto__":{"name":"evil"},"x":1,"name":"good"}}'
    )
  })

  it("big numbers, duplicate keys and spellings below arguments survive", () => {
    const args = '{"n":12345678901234567890.10,"a":1,"a":"\\u0061\\/", "e":1E400 }'
    const message = request(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":${args}}}`)
    assert.include(encode(message, { name: "u" }), `"arguments":${args}`)
  })

  it("large parameters are the client's own bytes, not a copy of them", () => {
    const body = Json.utf8(
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"q":"${"é".repeat(20_000)}"}}}`
    )
    const message = ClientMessage.read(body)
    assert.strictEqual(message._tag, "Request")
    if (message._tag !== "Request") return
    const pieces = ClientMessage.encode(message, 7, {})
    assert.isTrue(pieces.some((piece) => piece.buffer === body.buffer && piece.length > 40_000))
    assert.deepStrictEqual(JSON.parse(Buffer.concat(pieces).toString()), {
      ...(JSON.parse(Buffer.from(body).toString()) as object),
      id: 7
    })
  })

  it("a replaced value that holds line breaks still makes one line", () => {
    const message = request('{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"t"}}')
    const line = encode(message, { name: 'a\n{"jsonrpc":"2.0","id":9,"method":"evil"}\r\n' })
    assert.notMatch(line, /[\r\n]/u)
  })
})

describe("what a body is", () => {
  it("a request keeps the id as its client spelled it, to be answered under", () => {
    const message = request('{"jsonrpc":"2.0","id": 12345678901234567890 ,"method":"m"}')
    assert.strictEqual(Buffer.from(message.id).toString(), "12345678901234567890")
    assert.strictEqual(Buffer.from(request('{"id":"\\u0061","method":"m","jsonrpc":"2.0"}').id).toString(), '"\\u0061"')
  })

  it.each([
    ['{"jsonrpc":"2.0","id":3,"result":{"a":[1, 2]}}', "result", '{"a":[1, 2]}'],
    ['{"jsonrpc":"2.0","id":"q","error":{"code":-1,"message":"no"}}', "error", '{"code":-1,"message":"no"}'],
    ['{"jsonrpc":"2.0","id":3,"result":null}', "result", "null"]
  ])("an answer to a question of ours: %s", (text, outcome, body) => {
    const message = read(text)
    assert.strictEqual(message._tag, "Response")
    if (message._tag !== "Response") return
    assert.strictEqual(message.outcome, outcome)
    assert.strictEqual(Buffer.from(message.body).toString(), body)
  })

  it("a batch is its members, each judged for itself", () => {
    const body = read(
      ' [ {"jsonrpc":"2.0","id":1,"method":"a"} ,{"jsonrpc":"2.0","method":"b"},\n{"jsonrpc":"2.0","id":2,"Method":"c"},[],7,{"jsonrpc":"2.0","id":1,"result":{}}]'
    )
    assert.strictEqual(body._tag, "Batch")
    if (body._tag !== "Batch") return
    assert.deepStrictEqual(
      body.messages.map(({ _tag }) => _tag),
      ["Request", "Notification", "Refusal", "Refusal", "Refusal", "Response"]
    )
  })

  it("a batch holds 1 to 100 messages", () => {
    const batch = (size: number): string =>
      `[${Array.from({ length: size }, () => '{"jsonrpc":"2.0","method":"m"}').join(",")}]`
    assert.strictEqual(read(batch(100))._tag, "Batch")
    assert.deepStrictEqual(refusal(batch(101)), { code: -32600, id: "null" })
    assert.deepStrictEqual(refusal("[]"), { code: -32600, id: "null" })
  })
})

describe("refusals", () => {
  it.each([
    ["nothing", ""],
    ["half an object", '{"jsonrpc":"2.0"'],
    ["text after the object", '{"jsonrpc":"2.0","id":1,"method":"m"} x'],
    ["two objects, one on each line", '{"jsonrpc":"2.0","id":1,"method":"m"}\n{"jsonrpc":"2.0","id":2,"method":"m"}'],
    ["a byte order mark", '\ufeff{"jsonrpc":"2.0","id":1,"method":"m"}'],
    ["a line break inside a string", '{"jsonrpc":"2.0","id":1,"method":"a\nb"}'],
    ["a trailing comma", '{"jsonrpc":"2.0","id":1,"method":"m",}'],
    ["a comment", '{"jsonrpc":"2.0","id":1,"method":"m"/* */}']
  ])("a body that is no JSON is a parse error under no id: %s", (_, body) => {
    assert.deepStrictEqual(refusal(body), { code: -32700, id: "null" })
  })

  it("bytes that are no UTF-8 are a parse error", () => {
    const bytes = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"a\xff"}', "latin1")
    const message = ClientMessage.read(bytes)
    assert.strictEqual(message._tag === "Refusal" ? message.code : undefined, -32700)
  })

  it.each([
    ["a number", "7"],
    ["a text", '"ping"'],
    ["null", "null"],
    ["an id that is null", '{"jsonrpc":"2.0","id":null,"method":"m"}'],
    ["an id that is an object", '{"jsonrpc":"2.0","id":{},"method":"m"}'],
    ["an id that is a boolean", '{"jsonrpc":"2.0","id":true,"method":"m"}'],
    ["two ids", '{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}'],
    ["neither method nor outcome", '{"jsonrpc":"2.0"}'],
    ["an answer without an id", '{"jsonrpc":"2.0","result":{}}']
  ])("a message without an id to answer under is refused under none: %s", (_, body) => {
    assert.deepStrictEqual(refusal(body), { code: -32600, id: "null" })
  })

  it.each([
    ["a method that is a number", '{"jsonrpc":"2.0","id":5,"method":7}', "5"],
    ["an empty method", '{"jsonrpc":"2.0","id":"a","method":""}', '"a"'],
    ["a method beside a result", '{"jsonrpc":"2.0","id":5,"method":"m","result":{}}', "5"],
    ["a result beside an error", '{"jsonrpc":"2.0","id":5,"result":{},"error":{}}', "5"],
    ["an id and nothing else", '{"jsonrpc":"2.0","id":5}', "5"],
    ["params that are a list", '{"jsonrpc":"2.0","id":5,"method":"m","params":[1]}', "5"],
    ["params that are null", '{"jsonrpc":"2.0","id":5,"method":"m","params":null}', "5"],
    ["two names", '{"jsonrpc":"2.0","id":5,"method":"m","params":{"name":"a","name":"b"}}', "5"],
    ["a name in capitals", '{"jsonrpc":"2.0","id":5,"method":"m","params":{"name":"a","NAME":"b"}}', "5"],
    ["a name in capitals alone", '{"jsonrpc":"2.0","id":5,"method":"m","params":{"Name":"b"}}', "5"],
    ["two arguments", '{"jsonrpc":"2.0","id":5,"method":"m","params":{"arguments":{},"arguments":{}}}', "5"],
    ["a Kelvin sign for k", '{"jsonrpc":"2.0","id":5,"method":"m","params":{"progressTo\u212aen":1}}', "5"],
    ["urİ, which some map to uri", '{"jsonrpc":"2.0","id":5,"method":"m","params":{"uri":"a:b","urİ":"c:d"}}', "5"],
    ["no jsonrpc", '{"id":5,"method":"m"}', "5"],
    ["jsonrpc 1.0", '{"jsonrpc":"1.0","id":5,"method":"m"}', "5"],
    ["jsonrpc as a number", '{"jsonrpc":2.0,"id":5,"method":"m"}', "5"],
    ["a second method", '{"jsonrpc":"2.0","id":5,"method":"m","method":"n"}', "5"],
    ["a method in capitals", '{"jsonrpc":"2.0","id":5,"Method":"m"}', "5"]
  ])("a message whose id can be read is refused under it: %s", (_, body, id) => {
    assert.deepStrictEqual(refusal(body), { code: -32600, id })
  })

  it("a second id in capitals is refused", () => {
    assert.strictEqual(refusal('{"jsonrpc":"2.0","id":1,"ID":2,"method":"m"}').code, -32600)
  })

  it("the reason names what is wrong", () => {
    const reason = (body: string): string => {
      const message = read(body)
      return message._tag === "Refusal" ? message.reason : ""
    }
    assert.include(reason('{"jsonrpc":"2.0","id":1,"Method":"m"}'), '"Method"')
    assert.include(reason('{"id":1,"method":"m"}'), '"jsonrpc"')
    assert.include(reason('{"jsonrpc":"2.0","id":1,"method":"m","params":[]}'), '"params"')
    assert.include(reason("{"), "JSON")
  })
})
