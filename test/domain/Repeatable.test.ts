/** Which calls may be made twice. */
import { assert, describe, it } from "@effect/vitest"
import { isRepeatable } from "../../src/domain/Repeatable.ts"
import { lists } from "../support/memoryFleet.ts"

const tool = (annotations: unknown) => lists({ tools: ["t"] }, { t: { annotations } }).tools

describe("a call may be made twice", () => {
  it.each(["resources/read", "prompts/get", "completion/complete"])("of %s, which only reads", (method) => {
    assert.isTrue(isRepeatable(method, "x", []))
  })

  it("of a tool that says that it only reads, or that a second time changes nothing", () => {
    assert.isTrue(isRepeatable("tools/call", "t", tool({ readOnlyHint: true })))
    assert.isTrue(isRepeatable("tools/call", "t", tool({ idempotentHint: true, destructiveHint: true })))
  })
})

describe("no call may be made twice", () => {
  it.each([undefined, null, "readOnlyHint", {}, { readOnlyHint: "true" }, { readOnlyHint: false }, { title: "t" }])(
    "of a tool whose annotations are %j",
    (annotations) => {
      assert.isFalse(isRepeatable("tools/call", "t", tool(annotations)))
    }
  )

  it("of a tool that nobody knows, or that has another's annotations", () => {
    assert.isFalse(isRepeatable("tools/call", "other", tool({ readOnlyHint: true })))
    assert.isFalse(isRepeatable("tools/call", undefined, tool({ readOnlyHint: true })))
    assert.isFalse(isRepeatable("tools/call", "t", []))
  })

  it.each(["resources/subscribe", "logging/setLevel", "tasks/cancel"])("of %s", (method) => {
    assert.isFalse(isRepeatable(method, undefined, []))
  })
})
