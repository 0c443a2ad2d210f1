/** The audit trail says the same of a call, whatever the era of who made it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { AuditRecord } from "../../src/domain/AuditRecord.ts"
import { LATEST_LEGACY, LATEST_MODERN } from "../../src/domain/Protocol.ts"
import { memoryFleet } from "../support/memoryFleet.ts"
import { memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"

const ANN = person("ann@example.com")
const RULES = rulesOf({ "*": { allowed_tools: ["files/read"], allowed_resources: ["files/*"] } })

const STEPS: ReadonlyArray<readonly [method: string, params: object]> = [
  ["tools/list", {}],
  ["tools/call", { name: "files_read", arguments: { a: 1 } }],
  ["tools/call", { name: "files_write", arguments: {} }],
  ["tools/call", { name: "nothing", arguments: {} }],
  ["tools/call", { name: "broken_x" }],
  ["resources/read", { uri: "file://files/a" }],
  ["prompts/get", {}],
  ["no/such", {}]
]

/** What a record says, but for what differs by nature: sizes, times, and the session that modern clients do not have. */
const told = ({
  bytesIn: _in,
  bytesOut: _out,
  millis: _millis,
  session: _session,
  time: _time,
  ...rest
}: AuditRecord) => rest

const records = Effect.fnUntraced(function* (revision: string) {
  const fleet = memoryFleet({
    files: { offer: { tools: ["read", "write"], resources: ["file:///a"] } },
    broken: { offer: { tools: ["x"] }, status: "down" }
  })
  const gateway = yield* memoryGateway(fleet, RULES)
  const client = yield* gateway.begin(ANN, undefined, revision)
  const begun = gateway.records.length
  for (const [method, params] of STEPS) yield* client.send(method, params)
  return gateway.records.slice(begun)
})

describe("the records of the same calls", () => {
  it.effect("are the same in both eras, and tell what was denied, unknown and done", () =>
    Effect.gen(function* () {
      const legacy = yield* records(LATEST_LEGACY)
      const modern = yield* records(LATEST_MODERN)
      assert.deepStrictEqual(modern.map(told), legacy.map(told))
      assert.deepStrictEqual(
        modern.map(({ outcome }) => outcome),
        ["ok", "ok", "denied", "not-found", "denied", "ok", "invalid", "not-found"]
      )
      assert.isTrue(legacy.every(({ session }) => session !== undefined))
      assert.isTrue(modern.every(({ session }) => session === undefined))
    }).pipe(Effect.scoped)
  )
})
