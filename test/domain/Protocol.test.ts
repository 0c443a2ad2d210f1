/** The protocol's own words: revisions and log levels. */
import { assert, describe, it } from "@effect/vitest"
import * as Protocol from "../../src/domain/Protocol.ts"

describe("revisions", () => {
  it.each(Protocol.LEGACY_REVISIONS)("a client that asks for %s gets it", (revision) => {
    assert.strictEqual(Protocol.negotiate(revision), revision)
  })

  it.each([undefined, null, 7, "", "2024-10-07", "2026-07-28", "latest", {}])(
    "a client that asks for %s gets our newest",
    (revision) => {
      assert.strictEqual(Protocol.negotiate(revision), "2025-11-25")
    }
  )

  it("are in order of time", () => {
    assert.isTrue(Protocol.isSince("2025-11-25", "2025-06-18"))
    assert.isTrue(Protocol.isSince("2025-06-18", "2025-06-18"))
    assert.isFalse(Protocol.isSince("2024-11-05", "2025-03-26"))
  })
})

describe("log levels", () => {
  it("a threshold lets through what is as severe or more", () => {
    const through = Protocol.LOG_LEVELS.filter((level) => Protocol.isAtLeast(level, "warning"))
    assert.deepStrictEqual(through, ["warning", "error", "critical", "alert", "emergency"])
  })

  it.each(["warn", "WARNING", "", null, 3, "toString"])("%s is none", (level) => {
    assert.isFalse(Protocol.isLogLevel(level))
  })
})
