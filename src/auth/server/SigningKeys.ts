/** The keys that access tokens are signed with. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { createHash } from "node:crypto"
import { RootKey } from "../../keys/RootKey.ts"

export interface SigningKey {
  /** The `kid` of a token's header; it says nothing of the key. */
  readonly id: string
  readonly key: Redacted.Redacted<Uint8Array>
}

export class SigningKeys extends Context.Service<
  SigningKeys,
  {
    readonly current: SigningKey
    /** All whose tokens are still believed, the current one first. */
    readonly all: ReadonlyArray<SigningKey>
  }
>()("mcp-proxy/auth/server/SigningKeys") {}

const named = (key: Redacted.Redacted<Uint8Array>): SigningKey => ({
  id: createHash("sha256").update("kid").update(Redacted.value(key)).digest("base64url").slice(0, 12),
  key
})

export const layer: Layer.Layer<SigningKeys, never, RootKey> = Layer.effect(
  SigningKeys,
  Effect.map(RootKey, (root) => {
    const current = named(root.derive("access tokens"))
    return SigningKeys.of({ current, all: [current] })
  })
)
