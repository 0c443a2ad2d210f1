/** Writes the bodies of answers, whose heads are set, to Node's responses: in as few writes as there can be. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { ServerResponse } from "node:http"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import type { AtEndOfTurn } from "./EndOfTurn.ts"

/** Up to here text, which goes with the head, is cheaper than a buffer. */
const SMALL = 16_384

/** Bytes as they are: each is one character of Latin-1. */
const asText = (piece: Uint8Array): string => Json.asBuffer(piece).toString("latin1")

/** Writes pieces; false: they are to drain before there are more. */
const some = (outgoing: ServerResponse, pieces: Pieces.Pieces): boolean => {
  let goesOn = true
  for (const piece of pieces) goesOn = outgoing.write(piece)
  return goesOn
}

/** Writes a whole body, and ends the answer. */
export const whole = (outgoing: ServerResponse, pieces: Pieces.Pieces): void => {
  if (Pieces.lengthOf(pieces) <= SMALL) {
    let text = ""
    for (const piece of pieces) text += asText(piece)
    return void outgoing.end(text, "latin1")
  }
  outgoing.cork()
  for (const [index, piece] of pieces.entries()) {
    if (index === pieces.length - 1) outgoing.end(piece)
    else if (index === 0 && piece.length <= SMALL) outgoing.write(asText(piece), "latin1")
    else outgoing.write(piece)
  }
}

/**
 * Writes a body as it comes, what comes in one turn at its end, and no faster than its client reads it. Where it fails, the
 * answer is left without its end.
 */
export const stream = (
  outgoing: ServerResponse,
  body: Stream.Stream<Uint8Array, unknown>,
  atEndOfTurn: AtEndOfTurn
): Effect.Effect<void> => {
  const drained = Latch.makeUnsafe(false)
  let isHeld = false
  let hasEnded = false
  const release = (): void => {
    isHeld = false
    if (!hasEnded) return outgoing.uncork()
    // One write with the end, which Node would write ahead of what is held back.
    outgoing.socket?.cork()
    outgoing.uncork()
    outgoing.end()
  }
  const hold = (): void => {
    if (isHeld) return
    isHeld = true
    outgoing.cork()
    atEndOfTurn(release)
  }
  outgoing.on("drain", () => drained.openUnsafe())
  return body.pipe(
    Stream.runForEachArray((pieces) => {
      hold()
      if (some(outgoing, Pieces.gather(pieces))) return Effect.void
      drained.closeUnsafe()
      return drained.await
    }),
    Effect.orDie,
    Effect.map(() => {
      hasEnded = true
      hold()
    })
  )
}
