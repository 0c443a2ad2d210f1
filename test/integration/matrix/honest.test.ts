/** What cannot pass, and what is said instead: nobody hangs, nothing is made up, no tool runs twice. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { isModern, type Fields, type Revision } from "../../fixtures/polyglot/message.ts"
import { eventually, readyProxy } from "../harness.ts"
import { eventsOf, post, send } from "../wire.ts"
import { type Pair, wordsOf } from "./cells.ts"
import { connectLegacy } from "./legacyClient.ts"
import { modernClient } from "./modernClient.ts"
import { type Configured, journals, served, started } from "./servers.ts"
import { capabilitiesOf } from "./wireClient.ts"

const LEGACY = "2025-11-25"
const MODERN = "2026-07-28"
const BOTH = [LEGACY, MODERN] as const

const TASKS = { extensions: { "io.modelcontextprotocol/tasks": {} } }

class Scene extends Context.Service<
  Scene,
  { readonly url: string; readonly servers: Readonly<Record<string, Configured>> }
>()("test/matrix/HonestScene") {
  static readonly layer = Layer.effect(
    Scene,
    Effect.gen(function* () {
      const folder = yield* journals
      const modern = yield* served(folder, `http-${MODERN}`, MODERN, "http")
      const legacy = yield* served(folder, `http-${LEGACY}`, LEGACY, "http")
      const servers: ReadonlyArray<Configured> = [
        modern,
        legacy,
        started(folder, `own-${LEGACY}`, LEGACY, "session"),
        started(folder, `own-${MODERN}`, MODERN, "session"),
        started(folder, `shared-${LEGACY}`, LEGACY, "shared"),
        started(folder, `shared-${MODERN}`, MODERN, "shared"),
        { ...modern, id: "mistaken", entry: { ...modern.entry, type: "sse" } }
      ]
      const mcpServers = Object.fromEntries(servers.map(({ entry, id }) => [id, entry]))
      const { url } = yield* readyProxy({ config: { mcpServers } })
      return { url, servers: Object.fromEntries(servers.map((server) => [server.id, server])) }
    })
  )
}

const pairOf = (id: string, revision: Revision, capabilities: Fields = capabilitiesOf(revision)) =>
  Effect.gen(function* () {
    const { servers, url } = yield* Scene
    const client = isModern(revision)
      ? modernClient(url, capabilities)
      : yield* connectLegacy(url, revision, capabilities)
    return { client, server: servers[id]!, name: (own) => `${id}_${own}`, uri: (own) => own } satisfies Pair
  })

const call = ({ client, name }: Pair, tool: string, tag: string, log?: string) =>
  client.request("tools/call", { name: name(tool), arguments: { tag } }, log === undefined ? {} : { log })

const starts = ({ server }: Pair, tool: string, tag: string): number =>
  server.journal().filter((line) => line === `start ${tool} ${tag}`).length

layer(Scene.layer, { timeout: 60_000, excludeTestServices: true })("what cannot pass", (it) => {
  for (const revision of BOTH) {
    it.effect(`a question of a legacy server that several share: ${revision} is not asked, the server is told`, () =>
      Effect.gen(function* () {
        const pair = yield* pairOf(`shared-${LEGACY}`, revision)
        const tag = `shared-${revision}`
        const polite = yield* call(pair, "ask_form", tag)
        assert.deepStrictEqual([polite.asked, wordsOf(polite)], [[], '{"form":{"undeclared":"elicitation"}}'])
        const rude = yield* call(pair, "ask_rudely", tag)
        assert.deepStrictEqual(rude.asked, [])
        assert.match(wordsOf(rude), /Nobody can be asked: this connection is shared by several clients/u)
        assert.deepStrictEqual([starts(pair, "ask_form", tag), starts(pair, "ask_rudely", tag)], [1, 1])
      })
    )

    it.effect(`a question of a modern server that several share is put to ${revision} all the same`, () =>
      Effect.gen(function* () {
        const pair = yield* pairOf(`shared-${MODERN}`, revision)
        const { asked } = yield* call(pair, "ask_form", `shared-${revision}`)
        assert.strictEqual(asked.length, 1)
        assert.strictEqual(starts(pair, "ask_form", `shared-${revision}`), 1)
      })
    )

    it.effect(`a log message of a legacy server that several are using is for nobody: not for ${revision} either`, () =>
      Effect.gen(function* () {
        const pair = yield* pairOf(`shared-${LEGACY}`, revision)
        const other = yield* pairOf(`shared-${LEGACY}`, LEGACY)
        const tag = `crowded-${revision}`
        const slow = yield* Effect.forkChild(call(other, "slow", tag))
        yield* eventually("another call is under way", () => starts(other, "slow", tag) === 1)
        const logged = yield* call(pair, "log", tag, "info")
        assert.deepStrictEqual([logged.said, wordsOf(logged)], [[], '"logged"'])
        yield* Fiber.interrupt(slow)
      })
    )

    for (const id of [`own-${LEGACY}`, `own-${MODERN}`, `http-${LEGACY}`, `http-${MODERN}`]) {
      it.effect(`a question from ${id} for ${revision} that cannot be asked: the call says what is missing`, () =>
        Effect.gen(function* () {
          const pair = yield* pairOf(id, revision, {})
          const tag = `mute-${revision}`
          const outcome = yield* call(pair, "ask_form", tag)
          assert.deepStrictEqual(outcome.asked, [])
          assert.match(wordsOf(outcome), /elicitation/u)
          assert.strictEqual(starts(pair, "ask_form", tag), 1)
          if (!isModern(revision) || !isModern(pair.server.revision)) return
          assert.strictEqual(outcome.error?.code, -32021)
          assert.deepStrictEqual(outcome.error?.data, { requiredCapabilities: { elicitation: { form: {} } } })
        })
      )
    }

    it.effect(`a question that a legacy server puts to ${revision} without leave is answered for it`, () =>
      Effect.gen(function* () {
        const pair = yield* pairOf(`http-${LEGACY}`, revision, {})
        const outcome = yield* call(pair, "ask_rudely", `rude-${revision}`)
        assert.deepStrictEqual(outcome.asked, [])
        assert.match(wordsOf(outcome), /"error":\{"code":-?\d+,"message":"[^"]*did not declare/u)
      })
    )
  }

  it.effect("a question that a modern server puts to a legacy client without leave fails the call", () =>
    Effect.gen(function* () {
      const pair = yield* pairOf(`http-${MODERN}`, LEGACY, {})
      const outcome = yield* call(pair, "ask_rudely", "rude")
      assert.deepStrictEqual(outcome.asked, [])
      assert.isTrue(outcome.error !== undefined || outcome.result?.["isError"] === true)
      assert.match(wordsOf(outcome), /elicitation/u)
      assert.strictEqual(starts(pair, "ask_rudely", "rude"), 1)
    })
  )

  for (const revision of BOTH) {
    it.effect(`a modern server configured for HTTP+SSE, which it cannot have, is said to ${revision} to be down`, () =>
      Effect.gen(function* () {
        const pair = yield* pairOf("mistaken", revision)
        const outcome = yield* call(pair, "echo", `mistaken-${revision}`)
        assert.strictEqual(outcome.error?.code, 1503)
        assert.match(outcome.error?.message ?? "", /^Server "mistaken" is .*405/u)
        assert.strictEqual(starts(pair, "echo", `mistaken-${revision}`), 0)
      })
    )
  }

  it.effect("a tool of a modern server that could become a task is done at once for a legacy client", () =>
    Effect.gen(function* () {
      const pair = yield* pairOf(`http-${MODERN}`, LEGACY, TASKS)
      const { result } = yield* call(pair, "later", "legacy")
      assert.notProperty(result, "taskId")
      assert.deepStrictEqual(result?.["content"], [{ type: "text", text: '"done at once"' }])
    })
  )

  it.effect("a tool of a legacy server is done at once for a modern client that would take a task", () =>
    Effect.gen(function* () {
      const pair = yield* pairOf(`http-${LEGACY}`, MODERN, TASKS)
      const { result } = yield* call(pair, "later", "modern")
      assert.strictEqual(result?.["resultType"], "complete")
      assert.deepStrictEqual(result?.["content"], [{ type: "text", text: '"done at once"' }])
    })
  )

  it.effect("a stream to a modern client has nothing to resume it by, and nowhere to resume it", () =>
    Effect.gen(function* () {
      const { url } = yield* Scene
      const name = `http-${LEGACY}_progress`
      const envelope = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        progressToken: "mine"
      }
      const version = { "mcp-protocol-version": MODERN }
      const { text } = yield* post(
        url,
        {
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name, arguments: { tag: "stream" }, _meta: envelope }
        },
        { ...version, "mcp-method": "tools/call", "mcp-name": name }
      )
      const events = eventsOf(text)
      assert.strictEqual(events.length, 4)
      for (const { data, id, retry } of events) {
        assert.deepStrictEqual([id, retry], [undefined, undefined])
        assert.notStrictEqual(data, "")
      }
      const headers = { ...version, accept: "text/event-stream", "last-event-id": "1" }
      assert.strictEqual((yield* send(url, { headers })).status, 405)
    })
  )
})
