/** The stream on which a modern server tells of changes: what is asked for, and that it stands. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Kind } from "../../src/domain/Catalogue.ts"
import * as Listening from "../../src/upstream/Listening.ts"
import { modernConnection } from "../support/connections.ts"
import { cancellations, result } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: false },
  resources: { subscribe: true },
  extensions: { "io.modelcontextprotocol/tasks": {} }
}

const SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"

const listening = Effect.fnUntraced(function* (capabilities: Record<string, unknown> = CAPABILITIES) {
  const { connection, faults, rpc, transport, unrelated, wait } = yield* modernConnection(capabilities)
  const wanted: { uris: ReadonlyArray<string>; tasks: ReadonlyArray<string> } = { uris: [], tasks: [] }
  const heard: Array<string> = []
  const missed: Array<ReadonlyArray<Kind>> = []
  const stream = yield* Listening.start({
    connection,
    wanted: () => wanted,
    heard: ({ method }) => void heard.push(method),
    missed: (kinds) => void missed.push(kinds),
    server: "server"
  })
  yield* settle
  const acknowledge = (id: number, notifications: object = { toolsListChanged: true }) => {
    transport.say({
      jsonrpc: "2.0",
      method: "notifications/subscriptions/acknowledged",
      params: { _meta: { [SUBSCRIPTION]: id }, notifications }
    })
    return settle
  }
  const tell = (id: number | undefined, method: string) =>
    transport.say({ jsonrpc: "2.0", method, params: id === undefined ? {} : { _meta: { [SUBSCRIPTION]: id } } })
  /** What was asked for since it was last asked: ids and filters. */
  const asked = () =>
    transport
      .taken()
      .filter(({ method }) => method === "subscriptions/listen")
      .map(({ id, params }) => [id, (params as { readonly notifications: object }).notifications])
  return { acknowledge, asked, faults, heard, missed, rpc, stream, tell, transport, unrelated, wait, wanted }
})

describe("listening", () => {
  it("asks for what the server declares and somebody wants", () => {
    const wanted = { uris: ["a://1"], tasks: ["t"] }
    assert.deepStrictEqual(Listening.filterFor(CAPABILITIES, wanted), {
      toolsListChanged: true,
      resourceSubscriptions: ["a://1"],
      taskIds: ["t"]
    })
    assert.deepStrictEqual(Listening.filterFor(CAPABILITIES, { uris: [], tasks: [] }), { toolsListChanged: true })
    assert.deepStrictEqual(Listening.filterFor({ tools: {}, resources: {} }, wanted), {})
    assert.deepStrictEqual(
      Listening.filterFor({ prompts: { listChanged: true }, resources: { listChanged: true } }, wanted),
      { promptsListChanged: true, resourcesListChanged: true }
    )
  })

  it.effect("hands on what comes under its id, counts for no call, and is never given up for its silence", () =>
    Effect.gen(function* () {
      const { acknowledge, faults, heard, rpc, stream, tell, transport, unrelated, wait } = yield* listening()
      yield* acknowledge(1)
      yield* stream.settled
      tell(1, "notifications/tools/list_changed")
      tell(undefined, "notifications/prompts/list_changed")
      assert.deepStrictEqual(heard, ["notifications/tools/list_changed"])
      assert.deepStrictEqual(unrelated, ["notifications/prompts/list_changed"])
      assert.deepStrictEqual(rpc.calls(), [])
      yield* wait("1 hour")
      assert.deepStrictEqual(cancellations(transport.taken()), [])
      assert.deepStrictEqual(faults, [])
    })
  )

  it.effect("covers what the server agreed to, from then on", () =>
    Effect.gen(function* () {
      const { acknowledge, stream } = yield* listening({ tools: { listChanged: true }, prompts: { listChanged: true } })
      assert.isFalse(stream.covers("tools"))
      yield* acknowledge(1)
      assert.isTrue(stream.covers("tools"))
      assert.isFalse(stream.covers("prompts"))
    })
  )

  it.effect("is renewed when something else is wanted: the old ends once the new is acknowledged", () =>
    Effect.gen(function* () {
      const { acknowledge, asked, heard, missed, stream, tell, transport, wanted } = yield* listening()
      yield* acknowledge(1)
      asked()
      wanted.uris = ["a://1"]
      stream.renew()
      yield* settle
      assert.deepStrictEqual(asked(), [[2, { toolsListChanged: true, resourceSubscriptions: ["a://1"] }]])
      tell(1, "notifications/tools/list_changed")
      assert.strictEqual(heard.length, 1)
      yield* acknowledge(2)
      assert.deepStrictEqual(cancellations(transport.taken()), [1])
      tell(2, "notifications/resources/updated")
      assert.strictEqual(heard.length, 2)
      assert.deepStrictEqual(missed, [])
    })
  )

  it.effect("is not renewed for what is wanted already", () =>
    Effect.gen(function* () {
      const { acknowledge, asked, stream } = yield* listening()
      yield* acknowledge(1)
      asked()
      stream.renew()
      yield* settle
      assert.deepStrictEqual(asked(), [])
    })
  )

  it.effect("begins when there is something to listen for, and ends when there is nothing any more", () =>
    Effect.gen(function* () {
      const { acknowledge, asked, stream, transport, wanted } = yield* listening({ resources: { subscribe: true } })
      yield* stream.settled
      assert.deepStrictEqual(asked(), [])
      wanted.uris = ["a://1"]
      stream.renew()
      yield* settle
      assert.deepStrictEqual(asked(), [[1, { resourceSubscriptions: ["a://1"] }]])
      yield* acknowledge(1, { resourceSubscriptions: ["a://1"] })
      wanted.uris = []
      stream.renew()
      yield* settle
      assert.deepStrictEqual(cancellations(transport.taken()), [1])
    })
  )

  it.effect("begins again after the server ended it, later each time, and has fetched what may have been missed", () =>
    Effect.gen(function* () {
      const { acknowledge, asked, missed, stream, transport, wait } = yield* listening()
      yield* acknowledge(1)
      asked()
      for (const [id, seconds] of [1, 2, 4].entries()) {
        transport.say(result(id + 1, { resultType: "complete" }))
        yield* settle
        assert.isFalse(stream.covers("tools"))
        yield* wait(seconds * 1000 - 1)
        assert.deepStrictEqual(asked(), [])
        yield* wait(1)
        assert.deepStrictEqual(asked(), [[id + 2, { toolsListChanged: true }]])
        assert.strictEqual(missed.length, id)
        yield* acknowledge(id + 2)
        assert.strictEqual(missed.length, id + 1)
      }
      assert.deepStrictEqual(missed[0], ["tools"])
      yield* wait("2 minutes")
      transport.say(result(4))
      yield* settle
      yield* wait("1 second")
      assert.strictEqual(asked().length, 1, "one that stood for long begins anew as if for the first time")
    })
  )

  it.effect("begins again after the server cancelled it, as some do", () =>
    Effect.gen(function* () {
      const { acknowledge, asked, transport, wait } = yield* listening()
      yield* acknowledge(1)
      asked()
      transport.say({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } })
      yield* wait("1 second")
      assert.deepStrictEqual(asked(), [[2, { toolsListChanged: true }]])
    })
  )

  it.effect("that nobody acknowledges is cancelled and tried again", () =>
    Effect.gen(function* () {
      const { asked, transport, wait } = yield* listening()
      asked()
      yield* wait("30 seconds")
      assert.deepStrictEqual(cancellations(transport.taken()), [1])
      yield* wait("1 second")
      assert.strictEqual(asked().length, 1)
    })
  )

  it.effect("is given up where the server does not know of it", () =>
    Effect.gen(function* () {
      const { asked, stream, transport, wait } = yield* listening()
      transport.say({ jsonrpc: "2.0", id: 1, error: { code: -32601, message: "what?" } })
      yield* stream.settled
      asked()
      yield* wait("1 hour")
      assert.deepStrictEqual(asked(), [])
      assert.isFalse(stream.covers("tools"))
    })
  )
})
