/** What is held of an event that has not ended. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as EventStream from "../../src/upstream/EventStream.ts"

const reader = (maxMessage = 1 << 20) => {
  const events: Array<string> = []
  return {
    events,
    ...EventStream.make(
      maxMessage,
      ({ data }) => events.push(data),
      () => {}
    )
  }
}

const cut = (bytes: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const edges = [
    0,
    ...[...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b),
    bytes.length
  ]
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end))
}

describe("of an event that has not ended", () => {
  it("all that came of it is held, and nothing once it has", () => {
    const { events, feed, heldBytes } = reader()
    feed(Buffer.from("data: abc"))
    assert.strictEqual(heldBytes(), 9)
    feed(Buffer.from("def\n"))
    assert.strictEqual(heldBytes(), 13)
    feed(Buffer.from("\n"))
    feed(Buffer.from(": still here\n\n"))
    assert.deepStrictEqual([heldBytes(), events], [0, ["abcdef"]])
  })

  it("at least what is missing from the events is held, wherever the bytes were cut", () => {
    const piece = fc.constantFrom(
      "data: 12345\n\n",
      "data: x\r\n\r\n",
      "id: 1\ndata: y\n",
      ": comment\n\n",
      "data: é😀\r\r"
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 12 }), (pieces, places) => {
        const bytes = Buffer.from(pieces.join(""))
        const { events, feed, heldBytes } = reader()
        let fed = ""
        for (const chunk of cut(bytes, places)) {
          feed(chunk)
          fed += Buffer.from(chunk).toString("latin1")
          // What a reader of its own, given the same and the end of an event, would tell beyond what was told.
          const whole = reader()
          whole.feed(Buffer.from(`${fed}\n\n`, "latin1"))
          const owed = whole.events.slice(events.length).reduce((sum, data) => sum + Buffer.byteLength(data), 0)
          assert.isAtLeast(heldBytes(), owed)
          assert.isAtMost(heldBytes(), fed.length)
        }
        feed(Buffer.from("\n\n"))
        assert.strictEqual(heldBytes(), 0)
      })
    )
  })

  it("not more than the largest message is taken", () => {
    const { feed } = reader(100)
    const refused = feed(Buffer.from(`data: ${"x".repeat(200)}`))
    assert.strictEqual(refused?.reason, "an event is larger than the limit of 100 bytes (MCP_MAX_MESSAGE)")
  })
})
