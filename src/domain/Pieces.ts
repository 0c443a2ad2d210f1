/** Texts that are not copied together: each a row of pieces, of which the large ones are parts of what came in. */

/** A text, in the order of its pieces. */
export type Pieces = ReadonlyArray<Uint8Array>

/** How many bytes all pieces have. */
export const lengthOf = (pieces: Pieces): number => {
  let length = 0
  for (const piece of pieces) length += piece.length
  return length
}

/** One array of bytes out of many; the piece itself where there is but one. */
export const join = (pieces: Pieces): Uint8Array => {
  const only = pieces[0]
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
}

/**
 * The same of what was read piece by piece and has come to its end. The memory of the pieces is given back at once, for nobody
 * else has them: left to be collected, they would be half of what brings the next full collection nearer. The last may still
 * be looked at by who gave it.
 */
export const assemble = (read: Pieces): Uint8Array => {
  const whole = join(read)
  for (const { buffer, byteLength } of read.slice(0, -1)) {
    if (byteLength > SMALL && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
  }
  return whole
}

/** Up to here a copy comes out of Node's pool; a larger one brings the next full collection nearer. */
const SMALL = 4000

/** A character of a text takes no more bytes than this: in UTF-8 what takes four is two of them. */
export const MOST_BYTES = 3

/** A text of which some parts are not encoded yet. */
export type Parts = ReadonlyArray<string | Uint8Array>

/** The parts from one to before another, one behind the other in a piece of at most so many bytes; a piece alone is not copied. */
const written = (parts: Parts, from: number, to: number, most: number): Uint8Array => {
  const first = parts[from]
  if (to === from + 1 && typeof first === "object") return first
  const whole = Buffer.allocUnsafe(most)
  let at = 0
  for (let index = from; index < to; index++) {
    const part = parts[index]!
    if (typeof part === "string") at += whole.write(part, at)
    else {
      whole.set(part, at)
      at += part.length
    }
  }
  return whole.subarray(0, at)
}

/**
 * The same in few pieces, of parts some of which may be text: neighbours that are small together are one, and none of them is
 * encoded by itself. A large piece is not copied.
 */
export const gather = (parts: Parts): Pieces => {
  const gathered: Array<Uint8Array> = []
  /** Where the small ones begin that are not written yet, and how many bytes they have at most. */
  let from = 0
  let most = 0
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!
    const length = typeof part === "string" ? part.length * MOST_BYTES : part.length
    if (most + length > SMALL) {
      if (index > from) gathered.push(written(parts, from, index, most))
      from = index
      most = 0
    }
    if (length > SMALL) {
      gathered.push(typeof part === "string" ? Buffer.from(part) : part)
      from = index + 1
    } else most += length
  }
  if (parts.length > from) gathered.push(written(parts, from, parts.length, most))
  return gathered
}
