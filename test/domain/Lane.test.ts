/** Who shares a connection with whom: decided by configuration and caller alone. */
import { assert, describe, it } from "@effect/vitest"
import * as Lane from "../../src/domain/Lane.ts"
import { LATEST_LEGACY } from "../../src/domain/Protocol.ts"
import { SessionKey, Subject } from "../../src/domain/ServerId.ts"

const caller = (subject: string, session: string, capabilities: Record<string, unknown> = {}): Lane.Caller => ({
  principal: { subject: Subject.make(subject), kind: "person", displayName: subject },
  session: SessionKey.make(session),
  capabilities,
  revision: "2025-06-18"
})

const key = (isolation: Lane.Isolation, who: Lane.Caller): string => Lane.key(Lane.laneFor(isolation, who))

describe("a lane", () => {
  it("shared: everybody's, and it declares nothing, so that nobody is asked about another's call", () => {
    const lane = Lane.laneFor("shared", caller("ann", "1", { sampling: {}, elicitation: {} }))
    assert.deepStrictEqual(lane, Lane.laneFor("shared", caller("bob", "2")))
    assert.deepStrictEqual(Object.keys(lane.capabilities), ["extensions"])
    assert.strictEqual(lane.revision, LATEST_LEGACY)
    assert.isFalse(Lane.mayAsk(lane, "sampling"))
  })

  it("user: one person's sessions share it, another's never", () => {
    assert.strictEqual(key("user", caller("ann", "1")), key("user", caller("ann", "2")))
    assert.notStrictEqual(key("user", caller("ann", "1")), key("user", caller("bob", "1")))
  })

  it("user: sessions that declare something else do not share it", () => {
    assert.notStrictEqual(key("user", caller("ann", "1")), key("user", caller("ann", "1", { roots: {} })))
  })

  it("session: one session's alone", () => {
    assert.strictEqual(key("session", caller("ann", "1")), key("session", caller("ann", "1")))
    assert.notStrictEqual(key("session", caller("ann", "1")), key("session", caller("ann", "2")))
  })

  it("never has the key of a lane of another kind, whatever people and sessions are called", () => {
    const names = ["shared", "user", "session", "user x", '"]', "session 1"]
    const keys = names.flatMap((name) => [
      key("user", caller(name, "s")),
      key("session", caller("p", name)),
      key("shared", caller(name, name))
    ])
    assert.strictEqual(new Set(keys).size, names.length * 2 + 1)
  })

  it("declares what a server can ask for through us, and nothing else of the client's", () => {
    const declared = { sampling: { tools: {} }, roots: { listChanged: true }, experimental: { x: {} }, tasks: {} }
    const lane = Lane.laneFor("session", caller("ann", "1", declared))
    assert.deepStrictEqual(lane.capabilities, { roots: { listChanged: true }, sampling: { tools: {} } })
    assert.strictEqual(lane.revision, "2025-06-18")
    assert.isTrue(Lane.mayAsk(lane, "sampling"))
    assert.isFalse(Lane.mayAsk(lane, "elicitation"))
  })
})
