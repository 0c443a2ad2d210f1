/** Whose is a message that came outside of any call's stream. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"
import { type Lane, shared } from "../../src/domain/Lane.ts"
import { SessionKey, Subject } from "../../src/domain/ServerId.ts"
import * as Routing from "../../src/upstream/Routing.ts"
import type { CallHandlers } from "../../src/upstream/Rpc.ts"

const call = (session: string): CallHandlers => ({
  session: SessionKey.make(session),
  notify: () => {},
  ask: () => Effect.succeed({ outcome: "result", body: Json.utf8(`"asked ${session}"`) }),
  polling: () => {}
})

const one = call("one")
const again = call("one")
const other = call("other")

const session: Lane = { _tag: "Session", session: SessionKey.make("one"), capabilities: {}, revision: "2025-11-25" }
const user: Lane = { _tag: "User", subject: Subject.make("ann"), capabilities: {}, revision: "2025-11-25" }

describe("the call that a message without a reference belongs to", () => {
  it.each([
    ["shared", "no call", shared, [], undefined],
    ["shared", "one call", shared, [one], one],
    ["shared", "two calls of one session", shared, [one, again], undefined],
    ["shared", "calls of two sessions", shared, [one, other], undefined],
    ["user", "no call", user, [], undefined],
    ["user", "one call", user, [one], one],
    ["user", "two calls of one session", user, [one, again], again],
    ["user", "calls of two sessions", user, [one, other], undefined],
    ["user", "calls of two sessions, the latest of the first", user, [one, other, again], undefined],
    ["session", "two calls", session, [one, again], again],
    ["session", "no call", session, [], undefined]
  ] satisfies ReadonlyArray<readonly [string, string, Lane, ReadonlyArray<CallHandlers>, CallHandlers | undefined]>)(
    "on a lane %s, with %s in flight",
    (_, __, lane, calls, expected) => {
      assert.strictEqual(Routing.soleCaller(lane, calls), expected)
    }
  )
})

describe("a question that came outside of any call's stream", () => {
  const ask = (lane: Lane, calls: ReadonlyArray<CallHandlers>) =>
    Effect.gen(function* () {
      const question = Frame.read(Json.utf8('{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}'))
      if (!Frame.isFrame(question)) return yield* Effect.die(question.malformed)
      const notes: Array<string> = []
      const answer = yield* Routing.ask(lane, calls, question, (text) => void notes.push(text))
      return { outcome: answer.outcome, body: JSON.parse(Buffer.from(answer.body).toString()) as unknown, notes }
    })

  it.effect("is put to the caller that must have caused it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* ask(session, [one]), { outcome: "result", body: "asked one", notes: [] })
      assert.deepStrictEqual(yield* ask(user, [other]), { outcome: "result", body: "asked other", notes: [] })
    })
  )

  it.effect("is put to nobody where it may be another's: the server is told so", () =>
    Effect.gen(function* () {
      for (const calls of [[], [one, other]]) {
        const { body, notes, outcome } = yield* ask(user, calls)
        assert.strictEqual(outcome, "error")
        assert.deepInclude(body, { code: -32601 })
        assert.deepStrictEqual(notes, [])
      }
    })
  )

  it.effect("is put to nobody on a shared lane, even with one call in flight, and the remedy is noted", () =>
    Effect.gen(function* () {
      const { body, notes, outcome } = yield* ask(shared, [one])
      assert.strictEqual(outcome, "error")
      assert.deepInclude(body, { code: -32601 })
      assert.deepStrictEqual(notes, [
        'it tried to ask the user something (sampling/createMessage); set "isolation": "session" so that it can'
      ])
    })
  )
})
