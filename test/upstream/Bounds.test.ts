/** The two bounds of bytes, as they are set. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Bounds from "../../src/upstream/Bounds.ts"

describe("the bounds of bytes", () => {
  it("are 64 MiB for one message and 1 GiB in all, unless they are set", () => {
    const { bufferBytes, maxMessage } = Bounds.settings
    assert.deepStrictEqual([maxMessage.absent, bufferBytes.absent], [64 * 1024 ** 2, 1024 ** 3])
  })

  it.each([
    ["1 KB", "a size from 64 KiB to 512 MB"],
    ["1 GB", "a size from 64 KiB to 512 MB"],
    ["much", 'bytes, or a size with a unit, such as "512 MB", "1.5 GB" or "64 MiB"']
  ])("a message of %s is not what can be meant", (text, expected) => {
    assert.deepStrictEqual(Bounds.settings.maxMessage.decode(text), Result.fail(expected))
  })

  it("there must be room for one message", () => {
    assert.deepStrictEqual(Bounds.problems({ maxMessage: 100, bufferBytes: 100 }), [])
    assert.deepStrictEqual(Bounds.problems({ maxMessage: 101, bufferBytes: 100 }), [
      "MCP_BUFFER_BYTES: expected at least MCP_MAX_MESSAGE (101 bytes), for a message of that size could never pass"
    ])
  })
})
