/** Keys to sign with, each known by an id that says nothing of it. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import { RootKey } from "./RootKey.ts"

/** 32 bytes, for HS256. */
export interface SigningKey {
  /** The same for the same root and purpose, in every process. */
  readonly id: string
  readonly secret: Redacted.Redacted<Uint8Array>
}

/** The id of a derived key: a short hash of it. */
export const idOf = (key: Redacted.Redacted<Uint8Array>): string =>
  createHash("sha256").update(Redacted.value(key)).digest("base64url").slice(0, 12)

const signingKey = (secret: Redacted.Redacted<Uint8Array>): SigningKey => ({ id: idOf(secret), secret })

export interface SigningKeys {
  /** What is signed from now on is signed with this one. */
  readonly current: SigningKey
  /** The current one and those before it: what may still be believed. */
  readonly all: ReadonlyArray<SigningKey>
}

/** The keys of one purpose. */
export const derive = (purpose: string): Effect.Effect<SigningKeys, never, RootKey> =>
  Effect.gen(function* () {
    const root = yield* RootKey
    const { current, previous } = yield* root.derive(`sign ${purpose}`)
    return { current: signingKey(current), all: [current, ...previous].map(signingKey) }
  })
