/** A text as a key: taken as it is if it was drawn at random, else stretched until guessing it is too dear. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { scrypt } from "node:crypto"

/** Fewer characters are no key. */
export const MINIMUM = 16

/** What a person runs to get a good one. */
export const COMMAND = "openssl rand -hex 32"

/** Does the text say 32 bytes or more that look drawn at random? A text wrongly thought weak is only stretched. */
export const isStrong = (text: string): boolean => {
  const letters = new Set(text).size
  if (/^[0-9a-f]{64,}$/iu.test(text)) return letters >= 10 && /\d/u.test(text) && /[a-f]/iu.test(text)
  const isMixed = /\d/u.test(text) && /[a-z]/u.test(text) && /[A-Z]/u.test(text)
  return /^[A-Za-z0-9+/_-]{43,}={0,2}$/u.test(text) && isMixed && letters >= 22
}

/** 64 MB and about a quarter of a second of somebody's time for every guess; in a thread of its own. */
const COST = { N: 2 ** 16, r: 8, p: 2, maxmem: 2 ** 27 }

const stretched = (text: string): Effect.Effect<Uint8Array> =>
  Effect.callback((resume) => {
    // The salt is the same everywhere, so that the same text is the same key on every machine.
    scrypt(text, "mcp-proxy root key", 32, COST, (error, key) =>
      resume(error === null ? Effect.succeed(key) : Effect.die(error))
    )
  })

/** The bytes from which keys are derived. */
export const bytes = (text: Redacted.Redacted<string>): Effect.Effect<Uint8Array> => {
  const value = Redacted.value(text)
  return isStrong(value) ? Effect.sync(() => new TextEncoder().encode(value)) : stretched(value)
}
