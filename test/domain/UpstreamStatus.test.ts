/** The state of a server in words. */
import { assert, describe, it } from "@effect/vitest"
import type { FailureClass } from "../../src/domain/UpstreamFailure.ts"
import * as Status from "../../src/domain/UpstreamStatus.ts"

const backingOff: Status.UpstreamStatus = {
  _tag: "BackingOff",
  attempt: 3,
  nextAt: 10_400,
  failure: "crash",
  reason: "it exited"
}

const failed = (failure: FailureClass, retryAt?: number): Status.UpstreamStatus => ({
  _tag: "Failed",
  failure,
  reason: "command not found: x",
  retryAt
})

describe("a status", () => {
  it.each([
    [Status.starting, "starting", "starting"],
    [Status.ready, "ready", "ready"],
    [Status.stopped, "stopped", "stopped"],
    [failed("unreachable"), "failed", "failed (unreachable): command not found: x"],
    [
      failed("credentials", 35_400),
      "failed",
      "failed (credentials refused; a call may try again in 30 s): command not found: x"
    ],
    [failed("credentials", 5500), "failed", "failed (credentials refused): command not found: x"],
    [backingOff, "backing off", "backing off (crashed; restart 3 in 5 s): it exited"],
    [{ ...backingOff, failure: "rate-limit" }, "backing off", "backing off (rate limited; next try in 5 s): it exited"]
  ] satisfies ReadonlyArray<readonly [Status.UpstreamStatus, string, string]>)("%j", (status, label, text) => {
    assert.strictEqual(Status.label(status), label)
    assert.strictEqual(Status.describe(status, 5500), text)
  })

  it("never announces a restart in the past", () => {
    assert.strictEqual(Status.describe(backingOff, 99_999), "backing off (crashed; restart 3 now): it exited")
  })
})
