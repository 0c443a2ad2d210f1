/** The state of a server in words. */
import { assert, describe, it } from "@effect/vitest"
import * as Status from "../../src/domain/UpstreamStatus.ts"

const backingOff: Status.UpstreamStatus = { _tag: "BackingOff", attempt: 3, nextAt: 10_400, reason: "it exited" }

describe("a status", () => {
  it.each([
    [Status.starting, "starting", "starting"],
    [Status.ready, "ready", "ready"],
    [Status.stopped, "stopped", "stopped"],
    [{ _tag: "Failed", reason: "command not found: x" }, "failed", "failed: command not found: x"],
    [backingOff, "backing off", "backing off (restart 3 in 5 s): it exited"]
  ] satisfies ReadonlyArray<readonly [Status.UpstreamStatus, string, string]>)("%j", (status, label, text) => {
    assert.strictEqual(Status.label(status), label)
    assert.strictEqual(Status.describe(status, 5500), text)
  })

  it("never announces a restart in the past", () => {
    assert.strictEqual(Status.describe(backingOff, 99_999), "backing off (restart 3 in 0 s): it exited")
  })
})
