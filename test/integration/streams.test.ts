/** Streams to clients: what is said meanwhile, to whom, and how a stream that broke is taken up again. */
import {
  ElicitRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema
} from "@modelcontextprotocol/sdk/types.js"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { call, connect, textOf } from "./client.ts"
import { stdioEntry } from "./everything.ts"
import { eventually, fixture, readyProxy, survivors } from "./harness.ts"
import { begin, eventsOf, openStream, post, send } from "./wire.ts"

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }
const slow = (steps: number, id = 1) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: "slow", arguments: { steps }, _meta: { progressToken: "mine" } }
})

describe("a call's stream", () => {
  it.live("begins with a priming event and a retry time, and gives every event an id", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const session = yield* begin(proxy.url)
      const events = eventsOf((yield* post(proxy.url, slow(3), session)).text)
      assert.deepStrictEqual([events[0]?.data, events[0]?.retry !== undefined], ["", true])
      assert.strictEqual(new Set(events.map(({ id }) => id)).size, 5)
      const tokens = events
        .slice(1, 4)
        .map(({ data }) => (JSON.parse(data) as { params: { progressToken: unknown } }).params.progressToken)
      assert.deepStrictEqual(tokens, ["mine", "mine", "mine"], "progress comes under the client's own token")
    }).pipe(Effect.scoped)
  )

  it.live("has no priming event for clients of older revisions, which do not know it", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const session = yield* begin(proxy.url, "2025-06-18")
      const events = eventsOf((yield* post(proxy.url, slow(2), session)).text)
      assert.isTrue(events.every(({ data }) => data !== ""))
    }).pipe(Effect.scoped)
  )

  it.live("that breaks is taken up at the event it broke at, and the call has run on meanwhile", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const session = yield* begin(proxy.url)
      const stream = yield* openStream(proxy.url, session, JSON.stringify(slow(10)))
      yield* eventually("two steps are seen", () => eventsOf(stream.text()).length >= 3)
      yield* stream.close
      const seen = eventsOf(stream.text())
      const resumed = yield* send(proxy.url, {
        headers: { ...session, accept: "text/event-stream", "last-event-id": seen.at(-1)?.id }
      })
      const rest = eventsOf(resumed.text)
      const steps = [...seen, ...rest].flatMap(({ data }) => {
        const message = JSON.parse(data === "" ? "{}" : data) as { params?: { progress?: number } }
        return message.params?.progress ?? []
      })
      assert.deepStrictEqual(steps, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "nothing twice, nothing lost")
      assert.match(rest.at(-1)?.data ?? "", /done slowly/u)
    }).pipe(Effect.scoped)
  )

  it.live("is taken up by its own session only, and after a restart with the word that the outcome is unknown", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const session = yield* begin(proxy.url)
      const other = yield* begin(proxy.url)
      const stream = yield* openStream(proxy.url, session, JSON.stringify(slow(50, 4711)))
      yield* eventually("a step is seen", () => eventsOf(stream.text()).length >= 2)
      const id = eventsOf(stream.text()).at(-1)?.id
      const stolen = yield* send(proxy.url, { headers: { ...other, accept: "text/event-stream", "last-event-id": id } })
      assert.strictEqual(stolen.status, 400)
      const forged = yield* send(proxy.url, {
        headers: { ...session, accept: "text/event-stream", "last-event-id": "x-1" }
      })
      assert.strictEqual(forged.status, 400)
      yield* proxy.signal("SIGKILL")
      yield* proxy.exited
      const next = yield* readyProxy({ config: { mcpServers: { raw } }, folder: proxy.folder })
      const resumed = yield* send(next.url, {
        headers: { ...session, accept: "text/event-stream", "last-event-id": id }
      })
      const message = JSON.parse(eventsOf(resumed.text)[0]?.data ?? "{}") as { id: unknown; error: { message: string } }
      assert.strictEqual(message.id, 4711)
      assert.match(message.error.message, /Outcome unknown: the proxy restarted/u)
    }).pipe(Effect.scoped)
  )

  it.live("opens by itself when the answer takes long, so that the client does not take us for dead", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const session = yield* begin(proxy.url)
      const hang = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "hang" } }
      const stream = yield* openStream(proxy.url, session, JSON.stringify(hang))
      assert.strictEqual(stream.status, 200)
      assert.strictEqual(eventsOf(stream.text()).length <= 1, true)
      yield* stream.close
    }).pipe(Effect.scoped)
  )
})

describe("a question", () => {
  it.live("goes to the client whose call caused it and to nobody else", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: { ...raw, isolation: "session" } } } })
      const asked: Array<string> = []
      const person = (name: string) =>
        connect(proxy.url, { elicitation: {} }, (client) =>
          client.setRequestHandler(ElicitRequestSchema, () => {
            asked.push(name)
            return { action: "accept", content: { name } }
          })
        )
      const ada = yield* person("Ada")
      const bob = yield* person("Bob")
      const answers = yield* Effect.all([call(ada, "ask"), call(bob, "ask"), call(ada, "ask")], { concurrency: 3 })
      assert.deepStrictEqual(
        answers.map((answer) => (JSON.parse(textOf(answer)) as { content: unknown }).content),
        [{ name: "Ada" }, { name: "Bob" }, { name: "Ada" }]
      )
      assert.sameMembers(asked, ["Ada", "Bob", "Ada"])
      const pids = yield* Effect.all([call(ada, "pid"), call(bob, "pid")])
      assert.notStrictEqual(textOf(pids[0]), textOf(pids[1]), "each session has its own process")
    }).pipe(Effect.scoped)
  )

  it.live("is not put to a client that did not say that it can be asked", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: { ...raw, isolation: "session" } } } })
      const connected = yield* connect(proxy.url)
      assert.match(textOf(yield* call(connected, "ask")), /did not declare/u)
    }).pipe(Effect.scoped)
  )
})

describe("a session's own process", () => {
  it.live("is ended with the session", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: { ...raw, isolation: "session" } } } })
      const before = survivors(proxy.marker).length
      const connected = yield* connect(proxy.url)
      yield* call(connected, "echo")
      assert.strictEqual(survivors(proxy.marker).length, before + 1)
      yield* Effect.promise(() => connected.transport.terminateSession())
      yield* eventually("its process is gone", () => survivors(proxy.marker).length === before)
    }).pipe(Effect.scoped)
  )

  it.live("makes room when there are as many as there may be, and is refused clearly where nobody can", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw: { ...raw, isolation: "session" } }, gateway: { maxLanes: 2 } }
      })
      const idle = yield* begin(proxy.url)
      const echo = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo" } }
      yield* post(proxy.url, echo, idle)
      const first = yield* connect(proxy.url)
      yield* call(first, "echo")
      const second = yield* connect(proxy.url)
      yield* call(second, "echo")
      const third = yield* connect(proxy.url)
      const error = yield* Effect.flip(call(third, "echo"))
      assert.match(error.message, /All 2 connections to server "raw" are in use \(gateway\.maxLanes\)/u)
    }).pipe(Effect.scoped)
  )
})

describe("what a server does of its own accord", () => {
  it.live("is told once to those whose list it changes", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw, other: raw } } })
      const told: Array<string> = []
      const listen = (url: string, name: string) =>
        connect(url, {}, (client) =>
          client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
            told.push(name)
          })
        )
      const merged = yield* listen(proxy.url, "merged")
      const own = yield* listen(`${proxy.url}/raw`, "own")
      const bystander = yield* listen(`${proxy.url}/other`, "bystander")
      for (const { client } of [merged, own, bystander]) yield* Effect.promise(() => client.listTools())
      yield* call(merged, "raw_grow")
      yield* eventually("two are told", () => told.length === 2)
      assert.sameMembers(told, ["merged", "own"])
      const { tools } = yield* Effect.promise(() => merged.client.listTools())
      assert.isTrue(tools.some(({ name }) => name === "raw_grown"))
      yield* call(merged, "raw_grow")
      yield* call(merged, "raw_echo")
      assert.strictEqual(told.length, 2, "a change that changes nothing is told to nobody")
    }).pipe(Effect.scoped)
  )

  it.live("to a watched resource is told under the name by which it is watched", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { everything: { ...stdioEntry, isolation: "session" }, raw } }
      })
      const updates: Array<string> = []
      const connected = yield* connect(proxy.url, {}, (client) =>
        client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
          updates.push(params.uri)
        })
      )
      const uri = "demo://everything/resource/static/document/features.md"
      yield* Effect.promise(() => connected.client.subscribeResource({ uri }))
      yield* call(connected, "everything_toggle-subscriber-updates")
      yield* eventually("an update comes", () => updates.length > 0, 20_000)
      assert.strictEqual(updates[0], uri)
      yield* Effect.promise(() => connected.client.unsubscribeResource({ uri }))
    }).pipe(Effect.scoped)
  )

  it.live("as a log message on a shared connection reaches the only caller, and always the proxy's log", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const heard: Array<string> = []
      const listen = (name: string) =>
        connect(proxy.url, {}, (client) =>
          client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
            heard.push(`${name}: ${String(params.data)}`)
          })
        )
      const ada = yield* listen("Ada")
      const bob = yield* listen("Bob")
      yield* call(ada, "log")
      yield* proxy.printed(/\[info\] a word from the server/u)
      assert.deepStrictEqual(heard, ["Ada: a word from the server"])
      yield* Effect.promise(() => ada.client.setLoggingLevel("error"))
      yield* call(ada, "log")
      assert.strictEqual(heard.length, 1, "below the level that she asked for")
      yield* call(bob, "log")
      assert.strictEqual(heard.at(-1), "Bob: a word from the server")
    }).pipe(Effect.scoped)
  )
})
