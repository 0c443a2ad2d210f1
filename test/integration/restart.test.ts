/** Sessions that outlive their process: what a client finds again after the proxy was killed, and what stays gone. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { eventually, rawStdio, readyProxy, type RunningProxy } from "./harness.ts"
import { begin, eventsOf, messageOf, openStream, post, request, send, toolCall } from "./wire.ts"

/** Kills the proxy, and starts the next one in its place. */
const restarted = Effect.fnUntraced(function* (
  proxy: RunningProxy,
  options: Parameters<typeof readyProxy>[0],
  signal: NodeJS.Signals = "SIGKILL"
) {
  yield* proxy.signal(signal)
  yield* proxy.exited
  return yield* readyProxy({ ...options, folder: proxy.folder })
})

describe("a session whose process was killed", () => {
  for (const isolation of ["shared", "session"]) {
    it.live(`hears of what it watches as soon as it listens again, with nothing called before (${isolation})`, () =>
      Effect.gen(function* () {
        const options = {
          config: { mcpServers: { raw: { ...rawStdio("--resources", "--journal", "journal"), isolation } } }
        }
        const proxy = yield* readyProxy(options)
        const session = yield* begin(proxy.url)
        yield* post(proxy.url, request("resources/subscribe", { uri: "raw://thing" }), session)
        yield* post(proxy.url, request("logging/setLevel", { level: "warning" }), session)
        const journal = (): ReadonlyArray<string> => readFileSync(join(proxy.folder, "journal"), "utf8").split("\n")
        const before = journal().length
        const next = yield* restarted(proxy, options)
        const news = () => journal().slice(before - 1)
        const standing = yield* openStream(next.url, session)
        assert.strictEqual(standing.status, 200)
        yield* eventually("it is watched, at the level that was asked for", () =>
          ["resources/subscribe", "logging/setLevel"].every((method) => news().includes(method))
        )
        // On a shared connection somebody else can change the resource; on one's own nobody but the server could.
        if (isolation === "shared") yield* post(next.url, toolCall("touch"), yield* begin(next.url))
        else yield* post(next.url, toolCall("touch"), session)
        yield* eventually("the client is told", () => standing.text().includes("notifications/resources/updated"))
        assert.include(standing.text(), '"uri":"raw://thing"')
      }).pipe(Effect.scoped)
    )
  }

  it.live("is gone where it was ended just before, however soon the kill came", () =>
    Effect.gen(function* () {
      const options = { config: { mcpServers: { raw: rawStdio() } } }
      const proxy = yield* readyProxy(options)
      const ended = yield* begin(proxy.url)
      const kept = yield* begin(proxy.url)
      const { status } = yield* send(proxy.url, { method: "DELETE", headers: ended })
      yield* proxy.signal("SIGKILL")
      assert.strictEqual(status, 200)
      const next = yield* restarted(proxy, options)
      assert.strictEqual((yield* post(next.url, request("tools/list"), ended)).status, 404)
      assert.strictEqual((yield* post(next.url, request("tools/list"), kept)).status, 200)
    }).pipe(Effect.scoped)
  )

  it.live("is told that the outcome of a call is unknown, also where nothing had been said of it yet", () =>
    Effect.gen(function* () {
      const options = { config: { mcpServers: { raw: rawStdio() } } }
      const proxy = yield* readyProxy(options)
      const session = yield* begin(proxy.url)
      const preferring = { ...session, accept: "text/event-stream, application/json" }
      const stream = yield* openStream(proxy.url, preferring, JSON.stringify(toolCall("hang", {}, "a-1")))
      yield* eventually("there is an event to come back to", () => eventsOf(stream.text()).length === 1)
      const [primed] = eventsOf(stream.text())
      assert.deepStrictEqual([primed?.data, primed?.id?.endsWith("-0")], ["", true])
      const next = yield* restarted(proxy, options)
      const resumed = yield* send(next.url, {
        headers: { ...session, accept: "text/event-stream", "last-event-id": primed?.id ?? "" }
      })
      const { error, id } = messageOf(resumed)
      assert.strictEqual(id, "a-1")
      assert.deepStrictEqual(error, {
        code: 1502,
        message: "Outcome unknown: the proxy restarted, or too much time has passed"
      })
    }).pipe(Effect.scoped)
  )
})
