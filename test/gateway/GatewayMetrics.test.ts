/** What the gateway holds for its clients, as measured. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"
import { family } from "../support/scrape.ts"

const ANN = person("ann@example.com")

describe("sessions and streams", () => {
  it.effect(
    "are counted while they are there: streams that somebody reads, and those that wait for who comes back",
    () =>
      Effect.gen(function* () {
        const fleet = memoryFleet({ files: { offer: { tools: ["read"], resources: ["file:///a"] } } })
        const gateway = yield* memoryGateway(
          fleet,
          rulesOf({ "*": { allowed_tools: ["*"], allowed_resources: ["*"] } })
        )
        const streams = () => family(gateway.metrics(), "mcp_proxy_streams")
        assert.deepStrictEqual(streams(), { read: 0, kept: 0 })
        const client = yield* gateway.begin(ANN)
        const listening = yield* client.listen
        assert.deepStrictEqual(streams(), { read: 1, kept: 0 })
        assert.strictEqual(family(gateway.metrics(), "mcp_proxy_sessions")[""], 1)
        assert.strictEqual(family(gateway.metrics(), "mcp_proxy_stream_buffered_bytes")[""], 0)
        fleet.say("files", { _tag: "ListChanged", kinds: ["tools"] })
        yield* fleet.become("files", { offer: { tools: ["write"] } })
        fleet.say("files", { _tag: "ListChanged", kinds: ["tools"] })
        yield* listening.leave
        yield* arrived(() => streams()["kept"] === 1)
        assert.strictEqual(family(gateway.metrics(), "mcp_proxy_parked_calls")[""], 0)
        yield* gateway.ask(ANN, undefined, { method: "DELETE", headers: client.headers })
        assert.strictEqual(family(gateway.metrics(), "mcp_proxy_sessions")[""], 0)
      }).pipe(Effect.scoped)
  )
})
