/** Calls over a connection that comes and goes: what is sent again, what is held back, and what their callers are told. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { UpstreamDown, verdict } from "../../src/domain/Errors.ts"
import * as Json from "../../src/domain/Json.ts"
import type { ServerConfig } from "../../src/domain/ServerConfig.ts"
import * as Calling from "../../src/upstream/Calling.ts"
import { Restraint } from "../../src/upstream/Restraint.ts"
import {
  ConnectionLost,
  lostWith,
  MessageRefused,
  SessionExpired,
  type TransportError
} from "../../src/upstream/Transport.ts"
import type { Outgoing } from "../../src/upstream/Upstream.ts"
import { serverConfig } from "../support/connections.ts"
import { lists } from "../support/memoryFleet.ts"
import { caller, openRpc, result, SILENCE } from "../support/rpc.ts"
import { settle } from "../support/settle.ts"

const PEER = {
  era: "legacy" as const,
  revision: "2025-11-25",
  capabilities: {},
  name: "memory",
  version: "1",
  instructions: undefined
}

const tools = lists(
  { tools: ["read", "write"] },
  { read: { annotations: { readOnlyHint: true } }, write: { annotations: { destructiveHint: true } } }
).tools

const toolCall = (name: string): Outgoing => ({
  method: "tools/call",
  target: name,
  encode: (id) => [Json.encode({ jsonrpc: "2.0", id, method: "tools/call", params: { name } })]
})

interface Sent {
  readonly method: string
  readonly params: { readonly name: string }
}

const CUT = new ConnectionLost({ reason: "it exited with code 3", unsent: false })

/** A server's connections, one after the other, in the test's hands. */
const make = Effect.fnUntraced(function* (more: Partial<ServerConfig> = {}) {
  const config = serverConfig({ callTimeout: Duration.millis(SILENCE), ...more })
  const open = Effect.map(openRpc(), (opened) => ({ ...opened, peer: PEER, headersFor: () => undefined }))
  type Line = Effect.Success<typeof open>
  const lines: Array<Line> = [yield* open]
  const announced: Array<string> = []
  let coming = yield* Deferred.make<Line, UpstreamDown>()
  const latest = (): Line => lines[lines.length - 1]!
  const after = (gone: Line) =>
    Effect.suspend(() => (latest() === gone ? Deferred.await(coming) : Effect.succeed(latest())))
  const restraint = new Restraint(config.breaker)
  const call = Calling.make<Line>({
    config,
    restraint,
    tools: () => tools,
    refreshTools: Effect.void,
    live: latest,
    connected: Effect.suspend(() => Effect.succeed(latest())),
    renewed: after,
    returned: (gone) => (gone.rpc.isLost() ? after(gone) : Effect.succeed(gone)),
    held: (text) => Effect.sync(() => void announced.push(text)),
    resumed: Effect.sync(() => void announced.push("called again"))
  })
  /** What the server was asked to do, over all its connections: the tools called. */
  const executed = () =>
    lines
      .flatMap(({ transport }) => transport.sent.map((text) => JSON.parse(text) as Sent))
      .filter(({ method }) => method === "tools/call")
      .map(({ params }) => params.name)
  return {
    announced,
    restraint,
    executed,
    latest,
    /** Makes a call, and lets it get under way. */
    begin: (name: string) => Effect.tap(Effect.forkScoped(call(toolCall(name), caller().handlers)), () => settle),
    /** The server is back. */
    comeBack: Effect.gen(function* () {
      const line = yield* open
      const waiting = coming
      coming = yield* Deferred.make<Line, UpstreamDown>()
      lines.push(line)
      yield* Deferred.succeed(waiting, line)
      yield* settle
    }),
    stayAway: Effect.suspend(() =>
      Effect.andThen(Deferred.fail(coming, new UpstreamDown({ server: "server", status: "failed" })), settle)
    ),
    /** The latest request is answered, or fails so. */
    answer: Effect.suspend(() => {
      const { transport } = latest()
      transport.say(result(transport.sent.filter((text) => text.includes("tools/call")).length))
      return settle
    }),
    refuse: (error: TransportError) =>
      Effect.suspend(() => {
        const { transport } = latest()
        const [id] = transport.sent
          .map((text) => (JSON.parse(text) as { id?: number }).id)
          .filter(Number)
          .slice(-1)
        transport.receiver().failed(id ?? -1, error)
        return settle
      }),
    /** One call, which fails so. */
    failWith: Effect.fnUntraced(function* (error: TransportError) {
      const fiber = yield* Effect.forkScoped(call(toolCall("write"), caller().handlers))
      yield* settle
      const done = fiber.pollUnsafe()
      if (done === undefined) {
        const { transport } = latest()
        const [id] = transport.sent
          .map((text) => (JSON.parse(text) as { id?: number }).id)
          .filter(Number)
          .slice(-1)
        transport.receiver().failed(id ?? -1, error)
      }
      return yield* Effect.flip(Fiber.join(fiber))
    })
  }
})

describe("a call that was certainly not sent", () => {
  it.effect("is sent once over the next connection, and once only", () =>
    Effect.gen(function* () {
      const server = yield* make()
      server.latest().transport.unsent.add(1)
      const fiber = yield* server.begin("write")
      yield* server.latest().transport.lose("it exited with code 3")
      yield* settle
      assert.isUndefined(fiber.pollUnsafe(), "it waits")
      yield* server.comeBack
      yield* server.answer
      yield* Fiber.join(fiber)
      assert.strictEqual(server.latest().transport.sent.length, 1)
    })
  )

  it.effect("fails if it cannot be sent the second time either, and is known not to have been", () =>
    Effect.gen(function* () {
      const server = yield* make()
      server.latest().transport.unsent.add(1)
      const fiber = yield* server.begin("write")
      yield* server.latest().transport.lose("it exited with code 3")
      yield* settle
      yield* server.comeBack
      yield* server.refuse(lostWith(CUT, true))
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(error._tag, "UpstreamDown")
      assert.strictEqual(error.message, 'Server "server" is unreachable: it exited with code 3')
    })
  )

  it.effect("waits no longer than a call may be silent, nor for a server that is given up", () =>
    Effect.gen(function* () {
      const first = yield* make()
      first.latest().transport.unsent.add(1)
      const patient = yield* first.begin("write")
      yield* first.latest().transport.lose("gone")
      yield* TestClock.adjust(SILENCE)
      assert.strictEqual((yield* Effect.flip(Fiber.join(patient))).message, 'Server "server" is unreachable: gone')

      const second = yield* make()
      second.latest().transport.unsent.add(1)
      const fiber = yield* second.begin("write")
      yield* second.latest().transport.lose("gone")
      yield* settle
      yield* second.stayAway
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber))).message, 'Server "server" is failed')
    })
  )

  it.effect("as one made on a connection that is lost already", () =>
    Effect.gen(function* () {
      const server = yield* make()
      yield* server.latest().transport.lose("gone")
      yield* settle
      const fiber = yield* server.begin("write")
      yield* server.comeBack
      yield* server.answer
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(server.executed(), ["write"])
    })
  )
})

describe("a call whose outcome is not known", () => {
  it.effect("is never sent again, however it would be annotated, unless the operator agreed", () =>
    Effect.gen(function* () {
      const server = yield* make()
      for (const name of ["read", "write"]) {
        const fiber = yield* server.begin(name)
        yield* server.refuse(CUT)
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(
          error.message,
          'Outcome unknown: server "server" went away during the call (it exited with code 3)'
        )
      }
      assert.deepStrictEqual(server.executed(), ["read", "write"])
    })
  )

  it.effect("is sent once more where the operator agreed and its tool only reads, and no other is", () =>
    Effect.gen(function* () {
      const server = yield* make({ retryIdempotent: true })
      const reading = yield* server.begin("read")
      const writing = yield* server.begin("write")
      yield* server.latest().transport.lose("it exited with code 3")
      yield* settle
      assert.match((yield* Effect.flip(Fiber.join(writing))).message, /^Outcome unknown/u)
      yield* server.comeBack
      yield* server.answer
      yield* Fiber.join(reading)
      assert.deepStrictEqual(server.executed(), ["read", "write", "read"])
    })
  )

  it.effect("is sent once more only: the second time its outcome is told", () =>
    Effect.gen(function* () {
      const server = yield* make({ retryIdempotent: true })
      const fiber = yield* server.begin("read")
      yield* server.refuse(CUT)
      yield* server.refuse(CUT)
      assert.match((yield* Effect.flip(Fiber.join(fiber))).message, /^Outcome unknown/u)
      assert.deepStrictEqual(server.executed(), ["read", "read"])
    })
  )

  it.effect("is still not known where the second attempt is certain to have come to nothing", () =>
    Effect.gen(function* () {
      const server = yield* make({ retryIdempotent: true })
      for (const second of [
        server.refuse(lostWith(CUT, true)),
        server.refuse(new MessageRefused({ reason: "it answered HTTP 400", status: 400 }))
      ]) {
        const fiber = yield* server.begin("read")
        yield* server.refuse(CUT)
        yield* second
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(
          error.message,
          'Outcome unknown: server "server" went away during the call (it exited with code 3)'
        )
      }
    })
  )

  it.effect("is still not known where the second attempt is never read, or has nowhere to go", () =>
    Effect.gen(function* () {
      const server = yield* make({ retryIdempotent: true })
      const waiting = yield* server.begin("read")
      server.latest().transport.unsent.add(2)
      yield* server.refuse(CUT)
      yield* server.latest().wait(SILENCE + 2000)
      const stranded = yield* server.begin("read")
      yield* server.latest().transport.lose("it exited with code 3")
      yield* TestClock.adjust(SILENCE)
      for (const fiber of [waiting, stranded]) {
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(
          error.message,
          'Outcome unknown: server "server" went away during the call (it exited with code 3)'
        )
      }
    })
  )

  it.effect("is one that HTTP says went wrong on the way or on the far side, not one that was turned down", () =>
    Effect.gen(function* () {
      const server = yield* make({ breaker: false })
      for (const status of [500, 502, 504, 520]) {
        const error = yield* server.failWith(new MessageRefused({ reason: `it answered HTTP ${status}`, status }))
        assert.strictEqual(
          error.message,
          `Outcome unknown: server "server" failed during the call (it answered HTTP ${status})`
        )
      }
      for (const status of [400, 401, 403, 404, 413, 429, 501, 503]) {
        const error = yield* server.failWith(new MessageRefused({ reason: `it answered HTTP ${status}`, status }))
        assert.strictEqual(error.message, `Server "server" did not take the call: it answered HTTP ${status}`)
      }
    })
  )

  it.effect("is one that timed out, unless the server never read it", () =>
    Effect.gen(function* () {
      const server = yield* make()
      const sent = yield* server.begin("write")
      server.latest().transport.unsent.add(2)
      const waiting = yield* server.begin("write")
      yield* server.latest().wait(SILENCE + 2000)
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(sent))).message,
        'Outcome unknown: server "server" did not answer within 5 s; the call was cancelled (mcpServers.server.callTimeout)'
      )
      assert.strictEqual(
        (yield* Effect.flip(Fiber.join(waiting))).message,
        'Server "server" did not read the call within 5 s; it was not sent (mcpServers.server.callTimeout)'
      )
    })
  )
})

describe("a call over a session that has ended", () => {
  it.effect("is sent again in a new one, and in one only", () =>
    Effect.gen(function* () {
      const server = yield* make()
      const fiber = yield* server.begin("write")
      yield* server.refuse(new SessionExpired())
      yield* server.comeBack
      yield* server.refuse(new SessionExpired())
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(error.message, 'Server "server" did not take the call: the server ended the session')
      assert.deepStrictEqual(server.executed(), ["write", "write"])
    })
  )
})

const FAULT = new MessageRefused({ reason: "it answered HTTP 500", status: 500 })

describe("a server whose calls keep failing", () => {
  it.effect("is not called for a while, which each caller is told, with when to come back", () =>
    Effect.gen(function* () {
      const server = yield* make()
      for (let i = 0; i < 5; i++) yield* server.failWith(FAULT)
      assert.deepStrictEqual(server.announced, [
        "not called for another 10 s: calls to it kept failing, at last because it answered HTTP 500"
      ])
      yield* TestClock.adjust("4 seconds")
      const error = yield* server.failWith(FAULT)
      assert.strictEqual(
        error.message,
        'Server "server" is not called for another 6 s: calls to it kept failing, at last because it answered HTTP 500'
      )
      assert.deepStrictEqual(verdict(error), {
        code: 1503,
        message: error.message,
        data: { retryAfterMillis: 6000 }
      })
      assert.strictEqual(server.executed().length, 5)
    })
  )

  it.effect("is tried by one call then; all are made again once that was answered", () =>
    Effect.gen(function* () {
      const server = yield* make()
      for (let i = 0; i < 5; i++) yield* server.failWith(FAULT)
      yield* TestClock.adjust("10 seconds")
      const probe = yield* server.begin("write")
      assert.strictEqual(
        server.restraint.circuitAt(yield* Effect.clockWith((clock) => clock.currentTimeMillis)),
        "half-open"
      )
      assert.match((yield* server.failWith(FAULT)).message, /is not called for another 10 s/u)
      assert.strictEqual(server.executed().length, 6)
      yield* server.answer
      yield* Fiber.join(probe)
      const next = yield* server.begin("write")
      yield* server.answer
      yield* Fiber.join(next)
      assert.deepStrictEqual(server.announced.slice(1), ["called again"])
    })
  )

  it.effect("is tried by the next call where the one that tried was cancelled", () =>
    Effect.gen(function* () {
      const server = yield* make()
      for (let i = 0; i < 5; i++) yield* server.failWith(FAULT)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(yield* server.begin("write"))
      const next = yield* server.begin("write")
      yield* server.answer
      yield* Fiber.join(next)
    })
  )

  it.effect("is called all the same where the breaker is switched off", () =>
    Effect.gen(function* () {
      const server = yield* make({ breaker: false })
      for (let i = 0; i < 20; i++) yield* server.failWith(FAULT)
      for (let i = 0; i < 20; i++) yield* server.failWith(new MessageRefused({ reason: "no", status: 401 }))
      assert.strictEqual(server.executed().length, 40)
    })
  )

  it.effect("is not one that answers with errors, or turns calls down one by one", () =>
    Effect.gen(function* () {
      const server = yield* make()
      for (let i = 0; i < 20; i++) {
        const fiber = yield* server.begin("write")
        server.latest().transport.say({ jsonrpc: "2.0", id: i + 1, error: { code: -32000, message: "no" } })
        yield* Fiber.join(fiber)
      }
      for (let i = 0; i < 20; i++) yield* server.failWith(new MessageRefused({ reason: "no", status: 403 }))
      assert.deepStrictEqual(server.announced, [])
    })
  )
})

describe("a server that asks to be left alone", () => {
  const LIMITED = new MessageRefused({ reason: "it asks for fewer", status: 429, retryAfterMillis: 45_000 })

  it.effect("is, by all calls, until the time that it named", () =>
    Effect.gen(function* () {
      const server = yield* make()
      const first = yield* server.failWith(LIMITED)
      assert.deepStrictEqual(verdict(first).data, { retryAfterMillis: 45_000 })
      yield* TestClock.adjust("44 seconds")
      const second = yield* server.failWith(LIMITED)
      assert.strictEqual(second.message, 'Server "server" is not called for another 1 s: it asks for fewer')
      assert.strictEqual(server.executed().length, 1)
      yield* TestClock.adjust("1 second")
      const third = yield* server.begin("write")
      yield* server.answer
      yield* Fiber.join(third)
      assert.strictEqual(server.executed().length, 2)
      assert.deepStrictEqual(server.announced, ["not called for another 45 s: it asks for fewer", "called again"])
    })
  )

  it.effect("without saying for how long has said so of this call alone", () =>
    Effect.gen(function* () {
      const server = yield* make()
      for (let i = 0; i < 10; i++) yield* server.failWith(new MessageRefused({ reason: "slow down", status: 429 }))
      assert.strictEqual(server.executed().length, 10)
    })
  )
})

describe("a lane whose calls are refused for its credentials", () => {
  const DENIED = new MessageRefused({ reason: "it refused our credentials (HTTP 401)", status: 401 })

  it.effect("makes one call in half a minute, until one is taken", () =>
    Effect.gen(function* () {
      const server = yield* make()
      for (let i = 0; i < 5; i++) yield* server.failWith(DENIED)
      const held = yield* server.failWith(DENIED)
      assert.match(held.message, /is not called for another 30 s: it refused our credentials/u)
      assert.strictEqual(held._tag === "UpstreamDown" ? held.failure : "", "credentials")
      yield* TestClock.adjust("30 seconds")
      assert.match((yield* server.failWith(DENIED)).message, /did not take the call/u)
      assert.match((yield* server.failWith(DENIED)).message, /is not called for another 30 s/u)
      assert.strictEqual(server.executed().length, 6)
      yield* TestClock.adjust("30 seconds")
      for (let i = 0; i < 3; i++) {
        const fiber = yield* server.begin("write")
        yield* server.answer
        yield* Fiber.join(fiber)
      }
      assert.strictEqual(server.executed().length, 9)
    })
  )

  it.effect("does not hold back those of others", () =>
    Effect.gen(function* () {
      const server = yield* make()
      for (let i = 0; i < 5; i++) yield* server.failWith(DENIED)
      assert.isTrue(server.restraint.isClear)
    })
  )
})
