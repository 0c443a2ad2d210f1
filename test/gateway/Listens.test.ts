/** Modern clients hear of changes: of those that they asked for, of what they may see, under their own subscription. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import { META } from "../../src/domain/Protocol.ts"
import { Draining } from "../../src/http/Draining.ts"
import { type MemoryServer, memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"

const ANN = person("ann@example.com")
const ALL = rulesOf({ "*": { allowed_tools: ["*"], allowed_resources: ["*"] } })

const files = (...tools: ReadonlyArray<string>): MemoryServer => ({
  offer: { tools, resources: ["file:///docs/a", "file:///keys/k"] }
})
const other: MemoryServer = { offer: { tools: ["x"] }, capabilities: { tools: {} } }

const updated = (uri: string, more: object = {}) => {
  const params = { uri, title: "kept", ...more }
  const frame = Frame.read(Json.encode({ jsonrpc: "2.0", method: "notifications/resources/updated", params }))
  if (!Frame.isFrame(frame)) throw new Error(frame.malformed)
  return { _tag: "ResourceUpdated", uri, frame } as const
}

interface Heard {
  readonly method?: string
  readonly id?: unknown
  readonly params: {
    readonly uri?: string
    readonly title?: string
    readonly notifications?: unknown
    readonly _meta: object
  }
}
const read = (messages: ReadonlyArray<string>) => messages.map((message) => JSON.parse(message) as Heard)

const TAG = { [META.subscriptionId]: 5 }

describe("a stream of changes", () => {
  it.effect("begins with what of the filter is honoured, under the id of its request", () =>
    Effect.gen(function* () {
      const gateway = yield* memoryGateway(memoryFleet({ files: files("a"), other }), ALL)
      const wanted = {
        toolsListChanged: true,
        promptsListChanged: false,
        resourceSubscriptions: ["file://files/docs/a", "file://nobody/x", "file://other/x"]
      }
      const { heard } = yield* gateway.subscribe(ANN, 5, wanted)
      assert.deepStrictEqual(read(heard), [
        {
          jsonrpc: "2.0",
          method: "notifications/subscriptions/acknowledged",
          params: {
            notifications: { toolsListChanged: true, resourceSubscriptions: ["file://files/docs/a"] },
            _meta: TAG
          }
        }
      ] as never)
      assert.deepStrictEqual(
        gateway.records.map(({ method, outcome }) => [method, outcome]),
        [["subscriptions/listen", "ok"]]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("tells of a list that changed for this person, once, and of no other", () =>
    Effect.gen(function* () {
      const fleet = memoryFleet({ files: files("a"), other })
      const gateway = yield* memoryGateway(fleet, ALL)
      const { heard } = yield* gateway.subscribe(ANN, 5, { toolsListChanged: true })
      fleet.say("files", { _tag: "ListChanged", kinds: ["tools"] })
      yield* fleet.become("files", files("a", "b"))
      fleet.say("files", { _tag: "ListChanged", kinds: ["tools", "resources"] })
      fleet.say("files", { _tag: "ListChanged", kinds: ["tools"] })
      yield* fleet.become("files", files("a"))
      fleet.say("files", { _tag: "ListChanged", kinds: ["tools"] })
      yield* arrived(() => heard.length >= 3)
      assert.deepStrictEqual(
        read(heard).map(({ method, params }) => [method, params["_meta"]]),
        [
          ["notifications/subscriptions/acknowledged", TAG],
          ["notifications/tools/list_changed", TAG],
          ["notifications/tools/list_changed", TAG]
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("tells of the resources that were asked for, as their server said it, and of no others", () =>
    Effect.gen(function* () {
      const fleet = memoryFleet({ files: files("a"), other })
      const gateway = yield* memoryGateway(fleet, ALL)
      const { heard } = yield* gateway.subscribe(ANN, 5, { resourceSubscriptions: ["file://files/docs/a"] })
      fleet.say("files", updated("file:///keys/k"))
      fleet.say("files", updated("file:///docs/a", { _meta: { [META.subscriptionId]: 99, x: 1 } }))
      yield* arrived(() => heard.length >= 2)
      assert.deepStrictEqual(read(heard)[1]?.params, {
        uri: "file://files/docs/a",
        title: "kept",
        _meta: { ...TAG, x: 1 }
      } as never)
    }).pipe(Effect.scoped)
  )

  it.effect("tells of nothing that its person may not see, nor of it being there", () =>
    Effect.gen(function* () {
      const rules = rulesOf({ "*": { allowed_tools: ["files/a"], allowed_resources: ["files/file:///docs/*"] } })
      const fleet = memoryFleet({ files: files("a", "b"), other })
      const gateway = yield* memoryGateway(fleet, rules)
      const wanted = { toolsListChanged: true, resourceSubscriptions: ["file://files/keys/k", "file://files/docs/a"] }
      const { heard } = yield* gateway.subscribe(ANN, 5, wanted)
      assert.deepStrictEqual(read(heard)[0]?.params.notifications, {
        toolsListChanged: true,
        resourceSubscriptions: ["file://files/docs/a"]
      })
      assert.notInclude(fleet.reached.join(), "keys")
      yield* fleet.become("files", files("a", "c"))
      fleet.say("files", { _tag: "ListChanged", kinds: ["tools"] })
      fleet.say("files", updated("file:///keys/k"))
      fleet.say("files", updated("file:///docs/a"))
      yield* arrived(() => heard.length >= 2)
      assert.strictEqual(read(heard)[1]?.params.uri, "file://files/docs/a")
    }).pipe(Effect.scoped)
  )

  it.effect("tells of lists that a change of the rules makes others, and ends for who is let in no more", () =>
    Effect.gen(function* () {
      const gateway = yield* memoryGateway(memoryFleet({ files: files("a", "b"), other }), ALL)
      const listening = yield* gateway.subscribe(ANN, 5, { toolsListChanged: true })
      yield* gateway.replace(rulesOf({ "*": { allowed_tools: ["files/a"] } }))
      yield* arrived(() => listening.heard.length >= 2)
      assert.strictEqual(read(listening.heard)[1]?.method, "notifications/tools/list_changed")
      yield* gateway.replace(rulesOf({ "bob@example.com": { allowed_tools: ["*"] } }))
      yield* arrived(listening.hasEnded)
      assert.deepStrictEqual(JSON.parse(listening.heard.at(-1) ?? ""), {
        jsonrpc: "2.0",
        id: 5,
        result: { resultType: "complete", _meta: TAG }
      })
    }).pipe(Effect.scoped)
  )

  it.effect("ends in good order when the proxy stops", () =>
    Effect.gen(function* () {
      const gateway = yield* memoryGateway(memoryFleet({ files: files("a"), other }), ALL)
      const listening = yield* gateway.subscribe(ANN, 5, { toolsListChanged: true })
      yield* Effect.flatMap(Draining, ({ begin }) => begin).pipe(Effect.provide(gateway.services))
      yield* arrived(listening.hasEnded)
      assert.include(listening.heard.at(-1), '"resultType":"complete"')
    }).pipe(Effect.scoped)
  )

  it.effect("that its client leaves is watched for no longer", () =>
    Effect.gen(function* () {
      const fleet = memoryFleet({ files: files("a"), other })
      const gateway = yield* memoryGateway(fleet, ALL)
      const listening = yield* gateway.subscribe(ANN, 5, { resourceSubscriptions: ["file://files/docs/a"] })
      assert.include(fleet.reached, "files resources/subscribe")
      yield* listening.leave
      yield* arrived(() => fleet.reached.includes("files resources/unsubscribe"))
    }).pipe(Effect.scoped)
  )

  it.effect.each([
    ["no filter", undefined],
    ["a filter that is none", []],
    ["a flag that is none", { toolsListChanged: "yes" }],
    ["URIs that are none", { resourceSubscriptions: ["a", 5] }],
    ["too many URIs", { resourceSubscriptions: Array.from({ length: 1001 }, (_, index) => `a:${index}`) }]
  ] as const)("is not opened for %s", ([, notifications]) =>
    Effect.gen(function* () {
      const gateway = yield* memoryGateway(memoryFleet({ files: files("a"), other }), ALL)
      const { error } = yield* gateway.once(ANN, 5, "subscriptions/listen", { notifications })
      assert.strictEqual(error?.code, -32602)
      assert.deepStrictEqual(
        gateway.records.map(({ outcome }) => outcome),
        ["invalid"]
      )
    }).pipe(Effect.scoped)
  )
})
