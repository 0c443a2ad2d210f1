/** Splitting a stream of bytes into lines, in time linear in its length, with a bound on what is held back. */
import * as Pieces from "./Pieces.ts"

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** How much is kept of either end of a line that is too long: enough to see whose answer it was. */
const KEPT = 1024

/** A line without its end; or, where it was longer than the limit or was given up, its length and both its ends. */
export type Line =
  | { readonly _tag: "Line"; readonly bytes: Uint8Array }
  | {
      readonly _tag: "TooLong"
      readonly length: number
      readonly head: Uint8Array
      readonly tail: Uint8Array
      readonly wasGivenUp: boolean
    }

/** A splitter holds the beginning of the line that has not ended yet, as the chunks it came in. */
export class LineSplitter {
  private readonly limit: number
  private held: Array<Uint8Array> = []
  private length = 0
  /** The ends of the present line, once it is longer than the limit. */
  private head: Uint8Array | undefined
  private tail: Uint8Array = new Uint8Array()
  private wasGivenUp = false

  constructor(limit: number) {
    this.limit = limit
  }

  /** Takes a chunk, for good; calls `emit` for each line that ends in it, empty ones excepted. */
  feed(chunk: Uint8Array, emit: (line: Line) => void): void {
    let from = 0
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, from)
      if (end < 0) {
        this.hold(chunk.subarray(from))
        return
      }
      this.hold(chunk.subarray(from, end))
      this.finish(emit)
      from = end + 1
    }
  }

  /** How much is held of the line that has not ended yet. */
  get heldBytes(): number {
    return this.head === undefined ? this.length : 0
  }

  /** Holds no more of the line that has not ended yet than of one that is too long. */
  giveUp(): void {
    if (this.heldBytes === 0) return
    this.wasGivenUp = true
    this.abridge()
  }

  private hold(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.length += piece.length
    if (this.head !== undefined) {
      this.tail = Buffer.concat([this.tail, piece.subarray(-KEPT)]).subarray(-KEPT)
      return
    }
    this.held.push(piece)
    if (this.length > this.limit) this.abridge()
  }

  private abridge(): void {
    const whole = Pieces.assemble(this.held)
    this.head = Uint8Array.from(whole.subarray(0, KEPT))
    this.tail = Uint8Array.from(whole.subarray(-KEPT))
    this.held = []
  }

  private finish(emit: (line: Line) => void): void {
    const { head, held, length, tail, wasGivenUp } = this
    this.held = []
    this.length = 0
    this.head = undefined
    this.wasGivenUp = false
    if (head !== undefined) {
      emit({ _tag: "TooLong", length, head, tail, wasGivenUp })
      return
    }
    if (held.length === 0) return
    const whole = Pieces.assemble(held)
    const bytes = whole[whole.length - 1] === CARRIAGE_RETURN ? whole.subarray(0, -1) : whole
    if (bytes.length > 0) emit({ _tag: "Line", bytes })
  }
}
