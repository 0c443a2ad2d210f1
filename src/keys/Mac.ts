/** Proofs that something is of our making: anybody may hold one, and nobody else can make it. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHmac, timingSafeEqual } from "node:crypto"
import { remembering } from "../domain/Remembering.ts"
import { RootKey } from "./RootKey.ts"

/** HMAC-SHA256, of which half is shown (RFC 2104 §5). */
const BYTES = 16

/** To begin one costs more than to compute it, and the same texts are proven again and again. */
const BOUNDS = { texts: 10_000, length: 512 }

export interface Mac {
  /** The proof of a text: 22 letters that are safe in headers and URLs. */
  readonly tag: (text: string) => string
  /** Is this the proof of that text, by the present key or a previous one? */
  readonly verify: (text: string, tag: string) => boolean
}

const withKey = (key: Redacted.Redacted<Uint8Array>) =>
  remembering(
    (text): Buffer => createHmac("sha256", Redacted.value(key)).update(text).digest().subarray(0, BYTES),
    BOUNDS
  )

/** A code for texts of one purpose; had with its first use, for a key that is still being stretched must not hold up the start. */
export const make = (purpose: string): Effect.Effect<Effect.Effect<Mac>, never, RootKey> =>
  Effect.flatMap(RootKey, (root) =>
    Effect.cached(
      Effect.map(root.derive(`mac ${purpose}`), (keys) => {
        const current = withKey(keys.current)
        const all = [current, ...keys.previous.map(withKey)]
        return {
          tag: (text) => current(text).toString("base64url"),
          verify: (text, tag) => {
            const given = Buffer.from(tag, "base64url")
            // Letters that stand for no bits of their own are nobody's: there is one spelling.
            if (given.length !== BYTES || given.toString("base64url") !== tag) return false
            return all.some((compute) => timingSafeEqual(compute(text), given))
          }
        }
      })
    )
  )
