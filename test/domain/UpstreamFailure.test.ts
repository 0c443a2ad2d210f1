/** Which class a failure is of, by what is known of it. */
import { assert, describe, it } from "@effect/vitest"
import { classify, type Evidence, type FailureClass } from "../../src/domain/UpstreamFailure.ts"

describe("a failure of which is known", () => {
  it.each([
    [{}, "crash"],
    [{ ending: "ended" }, "crash"],
    [{ ending: "unreachable" }, "unreachable"],
    [{ ending: "silent" }, "timeout"],
    [{ ending: "unintelligible" }, "protocol"],
    [{ status: 401 }, "credentials"],
    [{ status: 403 }, "credentials"],
    [{ status: 407 }, "credentials"],
    [{ status: 429 }, "rate-limit"],
    [{ status: 503, retryAfterMillis: 1000 }, "rate-limit"],
    [{ status: 503 }, "unreachable"],
    [{ status: 502 }, "unreachable"],
    [{ status: 504 }, "timeout"],
    [{ status: 408 }, "timeout"],
    [{ status: 500 }, "crash"],
    [{ status: 500, retryAfterMillis: 1000 }, "crash"],
    [{ status: 404 }, "protocol"],
    [{ status: 200 }, "protocol"],
    [{ status: 401, ending: "unintelligible" }, "credentials"]
  ] satisfies ReadonlyArray<readonly [Evidence, FailureClass]>)("%j is of the class %s", (evidence, expected) => {
    assert.strictEqual(classify(evidence), expected)
  })
})
