/** Bytes become lines, wherever the stream was cut into chunks, in time linear in their number. */
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import * as fc from "fast-check"
import { type Line, LineSplitter } from "../../src/domain/Lines.ts"

const split = (chunks: ReadonlyArray<Uint8Array>, limit: number): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  const splitter = new LineSplitter(limit)
  for (const chunk of chunks) splitter.feed(chunk, (line) => lines.push(line))
  return lines
}

/** The lines as plain values that can be compared. */
const plain = (lines: ReadonlyArray<Line>): ReadonlyArray<unknown> =>
  lines.map((line) =>
    line._tag === "Line"
      ? Buffer.from(line.bytes).toString("latin1")
      : {
          length: line.length,
          head: Buffer.from(line.head).toString("latin1"),
          tail: Buffer.from(line.tail).toString("latin1")
        }
  )

const cutAt = (bytes: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  const edges = [0, ...sorted, bytes.length]
  return edges.slice(1).map((end, index) => bytes.slice(edges[index] ?? 0, end))
}

/** Mostly text, with line ends of every kind, empty lines, and multi-byte characters that a cut may fall into. */
const content = fc
  .array(
    fc.oneof(
      fc.constantFrom("\n", "\r\n", "\r", "\n\n", '{"jsonrpc":"2.0","id":1,"result":{}}', "é😀", " "),
      fc.string({ maxLength: 20 })
    ),
    { maxLength: 20 }
  )
  .map((parts) => new TextEncoder().encode(parts.join("")))

const cuts = fc.array(fc.nat(), { maxLength: 12 })

const WIDE = 1 << 20

afterEach(() => {
  vi.restoreAllMocks()
})

describe("lines of a stream", () => {
  it("are the same however the bytes are cut into chunks", () => {
    fc.assert(
      fc.property(content, cuts, (bytes, places) => {
        assert.deepStrictEqual(plain(split(cutAt(bytes, places), WIDE)), plain(split([bytes], WIDE)))
      }),
      { numRuns: 500 }
    )
  })

  it("are the same when every byte comes alone", () => {
    fc.assert(
      fc.property(content, (bytes) => {
        const alone = Array.from(bytes, (c) => Uint8Array.of(c))
        assert.deepStrictEqual(plain(split(alone, WIDE)), plain(split([bytes], WIDE)))
      })
    )
  })

  it("are what stands between line feeds, without one carriage return at their end, empty ones left out", () => {
    fc.assert(
      fc.property(content, cuts, (bytes, places) => {
        const expected = Buffer.from(bytes)
          .toString("latin1")
          .split("\n")
          .slice(0, -1)
          .map((line) => line.replace(/\r$/u, ""))
          .filter((line) => line !== "")
        assert.deepStrictEqual(plain(split(cutAt(bytes, places), WIDE)), expected)
      }),
      { numRuns: 500 }
    )
  })

  it("what has not ended yet is held back, and comes with the line's end", () => {
    const splitter = new LineSplitter(100)
    const lines: Array<Line> = []
    const emit = (line: Line): void => void lines.push(line)
    splitter.feed(Buffer.from('{"a":'), emit)
    assert.deepStrictEqual(lines, [])
    splitter.feed(Buffer.from("1}\r"), emit)
    assert.deepStrictEqual(lines, [])
    splitter.feed(Buffer.from("\nrest"), emit)
    assert.deepStrictEqual(plain(lines), ['{"a":1}'])
  })
})

describe("lines longer than the limit", () => {
  const longLines = fc
    .array(fc.tuple(fc.constantFrom(0, 1, 10, 1999, 2000, 2001, 2500, 6000), fc.nat({ max: 255 })), { maxLength: 5 })
    .map((lines) =>
      Buffer.concat(
        lines.map(([length, seed]) => {
          const line = Buffer.alloc(length + 1)
          for (let i = 0; i < length; i++) line[i] = 32 + ((i * 7 + seed) % 90)
          line[length] = 10
          return line
        })
      )
    )

  it("are told by their length and both their ends, however the bytes are cut", () => {
    fc.assert(
      fc.property(longLines, cuts, (bytes, places) => {
        const expected = Buffer.from(bytes)
          .toString("latin1")
          .split("\n")
          .slice(0, -1)
          .filter((line) => line !== "")
          .map((line) =>
            line.length <= 2000 ? line : { length: line.length, head: line.slice(0, 1024), tail: line.slice(-1024) }
          )
        assert.deepStrictEqual(plain(split(cutAt(bytes, places), 2000)), expected)
      }),
      { numRuns: 300 }
    )
  })

  it("do not disturb the lines around them", () => {
    const bytes = Buffer.from(`before\n${"x".repeat(50)}\nafter\n`)
    const lines = split([bytes.subarray(0, 20), bytes.subarray(20)], 10)
    assert.deepStrictEqual(
      lines.map(({ _tag }) => _tag),
      ["Line", "TooLong", "Line"]
    )
  })

  it("are not held: a line without end costs no more memory than its ends", () => {
    const concat = vi.spyOn(Buffer, "concat")
    const splitter = new LineSplitter(4096)
    const chunk = Buffer.alloc(64 * 1024, 120)
    const lines: Array<Line> = []
    for (let i = 0; i < 200; i++) splitter.feed(chunk, (line) => lines.push(line))
    const largest = Math.max(...concat.mock.results.slice(1).map(({ value }) => (value as Buffer).length))
    assert.isAtMost(largest, 2048)
    splitter.feed(Buffer.from("\n"), (line) => lines.push(line))
    assert.strictEqual(lines[0]?._tag === "TooLong" ? lines[0].length : 0, 200 * chunk.length)
  })
})

describe("the cost of a line", () => {
  it("grows with its length, not with its length times the number of its chunks", () => {
    const copied = (chunks: number): number => {
      const concat = vi.spyOn(Buffer, "concat")
      const splitter = new LineSplitter(WIDE * 16)
      const chunk = Buffer.alloc(256, 120)
      let lines = 0
      for (let i = 0; i < chunks; i++) splitter.feed(chunk, () => lines++)
      splitter.feed(Buffer.from("\n"), () => lines++)
      const bytes = concat.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0)
      concat.mockRestore()
      assert.strictEqual(lines, 1)
      return bytes
    }
    const [few, many] = [copied(100), copied(1600)]
    assert.strictEqual(few, 100 * 256)
    assert.isAtMost(many, 16 * few)
  })
})

describe("a line that is given up", () => {
  it("is held no longer, and said to have been so long, with both its ends", () => {
    const lines: Array<Line> = []
    const splitter = new LineSplitter(WIDE)
    splitter.feed(Buffer.from(`{"id":7,${"x".repeat(5000)}`), (line) => lines.push(line))
    assert.strictEqual(splitter.heldBytes, 5008)
    splitter.giveUp()
    assert.strictEqual(splitter.heldBytes, 0)
    splitter.feed(Buffer.from(`${"y".repeat(3000)}}\nnext\n`), (line) => lines.push(line))
    const [given, next] = lines
    assert.isTrue(given?._tag === "TooLong" && given.wasGivenUp && given.length === 8009)
    if (given?._tag === "TooLong") {
      assert.match(Buffer.from(given.head).toString(), /^\{"id":7,x+$/u)
      assert.match(Buffer.from(given.tail).toString(), /^y+\}$/u)
    }
    assert.deepStrictEqual(plain(next === undefined ? [] : [next]), ["next"])
  })

  it("is not said of the next that is too long", () => {
    const lines: Array<Line> = []
    const splitter = new LineSplitter(10)
    splitter.feed(Buffer.from("abc"), (line) => lines.push(line))
    splitter.giveUp()
    splitter.feed(Buffer.from(`def\n${"z".repeat(20)}\n`), (line) => lines.push(line))
    assert.deepStrictEqual(
      lines.map((line) => line._tag === "TooLong" && line.wasGivenUp),
      [true, false]
    )
  })

  it("is no line where none has begun", () => {
    const splitter = new LineSplitter(10)
    splitter.giveUp()
    const lines: Array<Line> = []
    splitter.feed(Buffer.from("abc\n"), (line) => lines.push(line))
    assert.deepStrictEqual(plain(lines), ["abc"])
  })
})
