/** What comes in pieces: the same, wherever it is cut. */
import { LineSplitter } from "../../src/domain/Lines.ts"
import * as EventStream from "../../src/upstream/EventStream.ts"
import { random } from "./mutate.ts"
import { must, type Target } from "./Target.ts"

/** The input in pieces, cut where the input itself says. */
const pieces = (input: Uint8Array): ReadonlyArray<Uint8Array> => {
  const next = random(input.length + (input[0] ?? 0))
  const found: Array<Uint8Array> = []
  for (let at = 0; at < input.length;) {
    const size = 1 + Math.floor(next() * 7)
    found.push(input.subarray(at, at + size))
    at += size
  }
  return found
}

/** More than is kept of either end of a line that is longer. */
/** More than any case has. */
const MAX_MESSAGE = 1 << 20
const LIMIT = 2048

const linesOf = (chunks: ReadonlyArray<Uint8Array>): string => {
  const lines: Array<unknown> = []
  const splitter = new LineSplitter(LIMIT)
  for (const chunk of chunks) {
    splitter.feed(chunk, (line) =>
      lines.push(
        line._tag === "Line"
          ? Buffer.from(line.bytes).toString("base64")
          : [line.length, Buffer.from(line.head).toString("base64"), Buffer.from(line.tail).toString("base64")]
      )
    )
  }
  return JSON.stringify(lines)
}

const eventsOf = (chunks: ReadonlyArray<Uint8Array>): string => {
  const events: Array<unknown> = []
  const reader = EventStream.make(
    MAX_MESSAGE,
    (event) => events.push(event),
    (millis) => events.push(millis)
  )
  for (const chunk of chunks) reader.feed(chunk)
  return JSON.stringify(events)
}

export const targets: ReadonlyArray<Target> = [
  {
    name: "lines",
    seeds: ['{"a":1}\n{"b":2}\r\n\n', `${"x".repeat(2100)}\nshort\n`, "\r\n\r\n", "no end"],
    check: (input) => must(linesOf([input]) === linesOf(pieces(input)), "the lines depend on where they are cut")
  },
  {
    name: "an event stream",
    seeds: [
      "event: message\nid: a-1\ndata: {}\n\n",
      ": comment\nretry: 10\r\ndata: a\r\ndata: b\r\n\r\n",
      "data:\ud83d\ude00\n\n",
      "\ufeffdata: x\n\n"
    ],
    check: (input) => must(eventsOf([input]) === eventsOf(pieces(input)), "the events depend on where they are cut")
  }
]
