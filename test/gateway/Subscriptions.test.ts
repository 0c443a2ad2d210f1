/** What servers do of their own accord reaches the clients, also after what tells them of it has stumbled. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"
import { settle } from "../support/settle.ts"

const ADA = person("ada@example.com")

describe("an event that the dispatch dies of", () => {
  it.effect("costs those that come after it a second, and none is lost: to listeners of both eras", () =>
    Effect.gen(function* () {
      const fleet = memoryFleet({ a: { offer: { tools: ["one"] } } })
      const gateway = yield* memoryGateway(fleet, rulesOf({ "*": { allowed_tools: ["*"] } }))
      const session = yield* gateway.begin(ADA)
      yield* session.call("tools/list")
      const legacy = yield* session.listen
      const modern = yield* gateway.subscribe(ADA, 5, { toolsListChanged: true })
      const before = modern.heard.length
      fleet.say("a", { _tag: "ListChanged", kinds: undefined as never })
      yield* fleet.become("a", { offer: { tools: ["one", "two"] } })
      fleet.say("a", { _tag: "ListChanged", kinds: ["tools"] })
      yield* settle
      assert.deepStrictEqual([legacy.heard.length, modern.heard.length], [0, before])
      yield* TestClock.adjust("1 second")
      yield* arrived(() => legacy.heard.length === 1 && modern.heard.length === before + 1)
      assert.include(legacy.heard[0], "notifications/tools/list_changed")
      assert.include(modern.heard.at(-1), "notifications/tools/list_changed")
    }).pipe(Effect.scoped)
  )
})
