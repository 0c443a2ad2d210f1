/** A server asks the client of a session in the middle of its call. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Parking from "../../src/gateway/Parking.ts"
import { memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"
import type { CallHandlers } from "../../src/upstream/Rpc.ts"

const ANN = person("ann@example.com")

const question = (): Frame.Frame => {
  const params = { mode: "form", message: "Name?", requestedSchema: { type: "object" } }
  const frame = Frame.read(Json.encode({ jsonrpc: "2.0", id: 7, method: "elicitation/create", params }))
  if (!Frame.isFrame(frame)) throw new Error(frame.malformed)
  return frame
}

/** A session that can be asked, before a server whose tool asks, and answers with what it heard. */
const scene = Effect.gen(function* () {
  const world = { asked: 0 }
  const play = (_: unknown, { ask }: CallHandlers) =>
    Effect.gen(function* () {
      world.asked++
      const { body, outcome } = yield* ask(question())
      return { result: { content: [{ type: "text", text: `${outcome} ${Buffer.from(body).toString()}` }] } }
    })
  const fleet = memoryFleet({ forms: { offer: { tools: ["fill"] }, play } })
  const gateway = yield* memoryGateway(fleet, rulesOf({ "*": { allowed_tools: ["*"] } }))
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: {} },
    clientInfo: { name: "test", version: "1" }
  }
  const begun = yield* gateway.ask(ANN, undefined, { body: { jsonrpc: "2.0", id: 0, method: "initialize", params } })
  const headers = { "mcp-session-id": begun.headers["mcp-session-id"] ?? "", "mcp-protocol-version": "2025-11-25" }
  const send = (message: object) => gateway.ask(ANN, undefined, { headers, body: { jsonrpc: "2.0", ...message } })
  const call = yield* Effect.forkScoped(send({ id: 1, method: "tools/call", params: { name: "fill", arguments: {} } }))
  yield* arrived(() => world.asked === 1)
  return { call, send }
})

describe("the client of a session that is asked", () => {
  it.effect("has its answer taken however long it takes, within MCP_PARK_TIME", () =>
    Effect.gen(function* () {
      const { call, send } = yield* scene
      yield* TestClock.adjust("9 minutes")
      assert.isUndefined(call.pollUnsafe())
      yield* send({ id: "mcp-proxy-1", result: { action: "accept", content: { name: "Ann" } } })
      assert.include((yield* Fiber.join(call)).body, "Ann")
    }).pipe(Effect.scoped)
  )

  it.effect("and does not answer, is not waited for any longer: the server hears so, and the client too", () =>
    Effect.gen(function* () {
      const { call } = yield* scene
      yield* TestClock.adjust(Parking.DEFAULTS.time)
      const { body } = yield* Fiber.join(call)
      assert.include(body, 'result {\\"action\\":\\"cancel\\"}')
      assert.include(body, "notifications/cancelled")
    }).pipe(Effect.scoped)
  )
})
