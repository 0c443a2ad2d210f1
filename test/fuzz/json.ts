/** Messages: JSON-RPC of clients and servers, and what is decided and rewritten in it. */
import * as Cursor from "../../src/domain/Cursor.ts"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import * as Envelope from "../../src/domain/Envelope.ts"
import * as Era from "../../src/domain/Era.ts"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Pieces from "../../src/domain/Pieces.ts"
import * as LegacyShapes from "../../src/domain/LegacyShapes.ts"
import * as ListenFilter from "../../src/domain/ListenFilter.ts"
import * as ParamHeaders from "../../src/domain/ParamHeaders.ts"
import { META } from "../../src/domain/Protocol.ts"
import * as Rewrite from "../../src/domain/Rewrite.ts"
import * as Translate from "../../src/domain/Translate.ts"
import { must, type Target } from "./Target.ts"

const META_TEXT = `"_meta":{"${META.protocolVersion}":"2026-07-28","${META.clientCapabilities}":{"elicitation":{"form":{}}},"progressToken":1}`

const REQUESTS = [
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}',
  `{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"f_x","arguments":{"a":[1,2.5e3,"\\u00e9"]},${META_TEXT}}}`,
  `{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a://b"]},${META_TEXT}}}`,
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
  '{"jsonrpc":"2.0","id":3,"result":{"action":"accept","content":{}}}',
  '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"}]'
]

const ANSWERS = [
  '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"resource_link","uri":"file:///a","name":"a"}],"structuredContent":[1],"_meta":{"ui":{"resourceUri":"ui://a/b"}}}}',
  '{"id":7,"result":{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":{"mode":"url","url":"https://x"}}},"requestState":"s"},"jsonrpc":"2.0"}',
  '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","ttlMs":5,"cacheScope":"public","contents":[{"uri":"a://b","text":""}]}}',
  '{"jsonrpc":"2.0","id":"x","error":{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://x"}]}}}',
  '{"jsonrpc":"2.0","id":9,"method":"elicitation/create","params":{"message":"m","elicitationId":"e","_meta":{"progressToken":1}}}',
  '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a://b","_meta":{}}}',
  '{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"}}},"outputSchema":{"anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{}}}}'
]

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The same text under edits; it has to be JSON still, if it was. */
const edited = (frame: Frame.Frame, edits: ReadonlyArray<Json.Edit>, what: string): unknown => {
  let end = 0
  for (const { span } of [...edits].sort((a, b) => a.span.start - b.span.start)) {
    must(span.start >= end && span.end >= span.start && span.end <= frame.bytes.length, `${what}: edits overlap`)
    end = span.end
  }
  const value = parsed(Pieces.join(Json.splice(frame.bytes, edits)))
  must(value !== undefined, `${what}: what was JSON is none any more`)
  return value
}

const rename = (uri: string): string => `x${uri}`

export const targets: ReadonlyArray<Target> = [
  {
    name: "what a client sends",
    seeds: REQUESTS,
    check: (input) => {
      const body = ClientMessage.read(input)
      const value = parsed(input)
      if (value === undefined) return must(body._tag === "Refusal", "what is no JSON was taken for a message")
      if (body._tag !== "Request" && body._tag !== "Notification") return
      const sent = Pieces.join(ClientMessage.encode(body, body._tag === "Request" ? 1 : undefined, {}))
      must(!sent.includes(0x0a) && !sent.includes(0x0d), "it is sent on in several lines")
      const again = parsed(sent)
      must(isObject(again) && isObject(value) && again["method"] === value["method"], "another method is sent on")
      const given = isObject(value) ? value["params"] : undefined
      if (given !== undefined) {
        must(
          JSON.stringify((again as { params?: unknown }).params) === JSON.stringify(given),
          "other params are sent on"
        )
      }
    }
  },
  {
    name: "which era a request is of",
    seeds: REQUESTS,
    check: (input) => {
      const body = ClientMessage.read(input)
      if (body._tag === "Refusal") return
      const name = Buffer.from(input.subarray(0, 40)).toString("latin1")
      for (const version of [undefined, "2026-07-28", name]) {
        const headers = { "mcp-protocol-version": version, "mcp-method": name, "mcp-name": name }
        const said = Era.classify(headers, body)
        must(said._tag !== "Refused" || said.status === 400, "it is refused otherwise")
      }
      if (body._tag !== "Request") return
      Envelope.read(body.params?.get("_meta"))
      const filter = ListenFilter.read(body.params?.get("notifications"))
      if (typeof filter !== "string") {
        const again = ListenFilter.read(ListenFilter.encode(filter))
        must(JSON.stringify(again) === JSON.stringify(filter), "a filter is written otherwise than it was read")
      }
      ParamHeaders.declarations(body.params?.get("arguments"))
    }
  },
  {
    name: "what a server sends",
    seeds: ANSWERS,
    check: (input) => {
      const frame = Frame.read(input)
      if (!Frame.isFrame(frame)) return
      const value = parsed(input)
      // What is forwarded is not validated to its depths: that is its reader's business.
      if (!isObject(value)) return
      must(frame.id === undefined || frame.id === value["id"] || frame.ids.length > 1, "another id was read")
      must(frame.method === "" || frame.method === value["method"], "another method was read")
      edited(frame, Rewrite.resultEdits(frame, rename), "public URIs")
      edited(frame, Rewrite.notificationEdits(frame, rename), "a public URI")
      edited(frame, Translate.withoutSubscription(frame), "no subscription")
      for (const method of ["tools/call", "resources/read"]) {
        const modern = edited(
          frame,
          Translate.toModern(frame, method, { name: "n", version: "v" }),
          "for modern clients"
        )
        const result = isObject(modern) ? modern["result"] : undefined
        must(!isObject(result) || result["resultType"] === "complete", "a result for modern clients is not complete")
        const legacy = edited(frame, Translate.toLegacy(frame, method, true), "for legacy clients")
        const old = isObject(legacy) ? legacy["result"] : undefined
        must(!isObject(old) || !("resultType" in old || "ttlMs" in old), "a result for legacy clients is modern")
      }
      Translate.urlsToVisit(frame)
      const asked = Translate.inputRequired(frame)
      if (typeof asked !== "string") {
        for (const [, one] of asked.requests) Translate.inputRequestToQuestion(one, "e")
      }
      if (frame.kind === "request") {
        must(parsed(Translate.questionToInputRequest(frame)) !== undefined, "a question is no JSON any more")
      }
      if (frame.kind === "notification") {
        const told = parsed(Translate.forSubscription(frame, Json.utf8("5"), { key: "uri", name: "u" }))
        must(isObject(told), "a notification is no JSON any more")
      }
    }
  },
  {
    name: "a tool in a list",
    seeds: ANSWERS,
    check: (input) => {
      if (!isObject(parsed(input))) return
      must(isObject(parsed(LegacyShapes.tool(input))), "a tool for legacy clients is no JSON any more")
      ParamHeaders.ofTool({ bytes: input })
    }
  },
  {
    name: "a cursor",
    seeds: [Cursor.encode({ index: 5, after: "a" }), Cursor.encode({ index: 0, after: "" }), "bnVsbA"],
    check: (input) => {
      const text = Buffer.from(input).toString()
      const found = Cursor.decode(text)
      if (found._tag === "None") return
      const index = Cursor.resume(["a", "b"], found.value)
      must(index >= 0 && index <= 2, `it leads to ${index} of 2`)
    }
  }
]
