/**
 * What a server and its client say to each other through the proxy is what they say directly, whatever the two eras, but
 * for the rewrites that are listed here. Numbers keep their digits, texts their spelling, members their order.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { type Era, LATEST_MODERN, META } from "../../src/domain/Protocol.ts"
import { NAME, VERSION } from "../../src/observability/Version.ts"
import { space, spelled, valueText } from "../support/jsonText.ts"
import { memoryFleet } from "../support/memoryFleet.ts"
import { memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"
import { type Node, parse } from "../support/strictJson.ts"

const ANN = person("ann@example.com")
const RULES = rulesOf({ "*": { allowed_tools: ["*"] } })

/** The members that one era's results have, and the other's have not. */
const MODERN_ONLY = ["resultType", "ttlMs", "cacheScope"]
/** What is judged, and what marks a result as something else than a complete one. */
const JUDGED = ["name", "uri", "cursor", "_meta", "ref", "level", "requestId", "progressToken", "arguments"]
const ANSWERS = ["requestState", "inputResponses", "notifications", "taskId"]

const isHarmless = (key: string, known: ReadonlyArray<string>): boolean =>
  !known.some((name) => name.toLowerCase() === key.toLowerCase())

/** Further members of an object, each with its own spelling and spacing; none has one of these names. */
const members = (known: ReadonlyArray<string>) =>
  fc.array(
    fc
      .string({ maxLength: 8 })
      .filter((key) => isHarmless(key, known))
      .chain((key) => fc.tuple(spelled(key), space, space, valueText))
      .map(([key, before, after, value]) => `${before}${key}:${after}${value}`),
    { maxLength: 4 }
  )

const membersOf = (node: Node | undefined): ReadonlyArray<readonly [string, string]> =>
  node?.type === "object" ? node.members.map(([key, { text }]) => [key, text] as const) : []

const at = (node: Node | undefined, key: string): Node | undefined =>
  node?.type === "object" ? node.members.find(([name]) => name === key)?.[1] : undefined

/** On a line, line ends between tokens are blanks. */
const onOneLine = (text: string): string => text.replace(/[\r\n]/gu, " ")

interface Sample {
  /** Of the request's `params`, in order; the arguments among them. */
  readonly asked: ReadonlyArray<string>
  readonly given: string
  /** Of the result. */
  readonly answered: ReadonlyArray<string>
  readonly id: string
}

const sample: fc.Arbitrary<Sample> = fc
  .record({
    more: members([...JUDGED, ...ANSWERS]),
    given: valueText,
    answered: members([...MODERN_ONLY, "_meta", "taskId"]),
    id: fc.constantFrom('"1"', "1", "12345678901234567890", '"\\u0031"', "-0", '"1 "')
  })
  .map(({ answered, given, id, more }) => ({ asked: [...more, `"arguments":${given}`], given, answered, id }))

const ENVELOPE = JSON.stringify({
  [META.protocolVersion]: LATEST_MODERN,
  [META.clientCapabilities]: {},
  [META.clientInfo]: { name: "test", version: "1" }
})

const COMBINATIONS: ReadonlyArray<readonly [client: Era, server: Era]> = [
  ["legacy", "legacy"],
  ["legacy", "modern"],
  ["modern", "legacy"],
  ["modern", "modern"]
]

describe("what is said through the proxy", () => {
  it.effect.each(COMBINATIONS)("is what is said, by a %s client to a %s server and back", ([client, era]) =>
    Effect.gen(function* () {
      let reached = ""
      let reply = ""
      const raw = (message: Uint8Array): Uint8Array => {
        reached = Buffer.from(message).toString()
        return Buffer.from(reply)
      }
      const gateway = yield* memoryGateway(memoryFleet({ only: { offer: { tools: ["say"] }, era, raw } }), RULES)
      const session = yield* gateway.begin(ANN)
      const headers =
        client === "legacy"
          ? session.headers
          : { "mcp-protocol-version": LATEST_MODERN, "mcp-method": "tools/call", "mcp-name": "say" }

      const exchange = ({ answered, asked, given, id }: Sample) =>
        Effect.gen(function* () {
          const own = era === "modern" ? ['"resultType":"complete"'] : []
          reply = `{"jsonrpc":"2.0","id":1,"result":{${[...own, ...answered].join(",")}}}`
          const params = ['"name":"say"', ...(client === "modern" ? [`"_meta":${ENVELOPE}`] : []), ...asked]
          const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{${params.join(",")}}}`
          const response = yield* gateway.ask(ANN, undefined, { headers, body })
          const sent = parse(reached)
          assert.strictEqual(at(at(sent, "params"), "arguments")?.text, onOneLine(given))
          const passed = membersOf(at(sent, "params")).filter(([key]) => key !== "name" && key !== "_meta")
          assert.deepStrictEqual(passed, membersOf(parse(onOneLine(`{${asked.join(",")}}`))))
          const got = parse(response.body)
          assert.strictEqual(at(got, "id")?.text, id)
          const result = membersOf(at(got, "result"))
          const expected = membersOf(parse(`{${answered.join(",")}}`))
          if (client === era) assert.deepStrictEqual(result, [...membersOf(parse(`{${own.join()}}`)), ...expected])
          else if (client === "legacy") assert.deepStrictEqual(result, expected)
          else {
            const added = new Set(["resultType", "_meta"])
            assert.deepStrictEqual(
              result.filter(([key]) => !added.has(key)),
              expected
            )
            assert.deepStrictEqual(
              result.filter(([key]) => added.has(key)),
              [
                ["resultType", '"complete"'],
                ["_meta", JSON.stringify({ [META.serverInfo]: { name: NAME, version: VERSION } })]
              ]
            )
          }
        })
      const runPromise = Effect.runPromiseWith(yield* Effect.context())
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(sample, (one) => runPromise(exchange(one))),
          { numRuns: 300 }
        )
      )
    }).pipe(Effect.scoped)
  )
})
