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

/** The same in fewer pieces: neighbours that are small together are one. A large piece is not copied. */
export const gather = (pieces: Pieces): Pieces => {
  if (lengthOf(pieces) <= SMALL) return [join(pieces)]
  const gathered: Array<Uint8Array> = []
  let small: Array<Uint8Array> = []
  let length = 0
  const flush = (): void => {
    if (small.length > 0) gathered.push(join(small))
    small = []
    length = 0
  }
  for (const piece of pieces) {
    if (length + piece.length > SMALL) flush()
    if (piece.length > SMALL) gathered.push(piece)
    else {
      small.push(piece)
      length += piece.length
    }
  }
  flush()
  return gathered
}

/** A character of a text takes no more bytes than this. */
const MOST_BYTES = 3

/** The same of parts some of which are text: small ones are written one behind the other, and none is encoded by itself. */
export const compose = (parts: ReadonlyArray<string | Uint8Array>): Pieces => {
  let most = 0
  for (const part of parts) most += typeof part === "string" ? part.length * MOST_BYTES : part.length
  if (most > SMALL) return parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part))
  const whole = Buffer.allocUnsafe(most)
  let at = 0
  for (const part of parts) {
    if (typeof part === "string") at += whole.write(part, at)
    else {
      whole.set(part, at)
      at += part.length
    }
  }
  return [whole.subarray(0, at)]
}
