/** Values that leave the house and come back: readable and forgeable by nobody else. */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { CompactEncrypt, compactDecrypt } from "jose"
import { RootKey } from "./RootKey.ts"

/** `open` gives none for what this seal did not make: forged, damaged, made for another purpose or under another key. */
export interface Seal<A> {
  readonly seal: (value: A) => Effect.Effect<string>
  readonly open: (text: string) => Effect.Effect<Option.Option<A>>
}

const HEADER = { alg: "dir", enc: "A256GCM" } as const

/** A seal for values of one schema and one purpose: JWE compact serialisation (RFC 7516), letters safe in headers and URLs. */
export const make = <S extends Schema.ConstraintCodec<unknown, unknown>>(purpose: string, schema: S) =>
  Effect.gen(function* () {
    const root = yield* RootKey
    const key = Redacted.value(root.derive(`seal ${purpose}`))
    const codec = Schema.fromJsonString(schema)
    const encode = Schema.encodeUnknownEffect(codec)
    const decode = Schema.decodeUnknownEffect(codec)
    return {
      seal: (value) =>
        encode(value).pipe(
          Effect.flatMap((text) =>
            Effect.promise(() =>
              new CompactEncrypt(new TextEncoder().encode(text as string)).setProtectedHeader(HEADER).encrypt(key)
            )
          ),
          // The value is of the schema's own type, so it encodes.
          Effect.orDie
        ),
      open: (text) =>
        Effect.tryPromise(() =>
          compactDecrypt(text, key, { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] })
        ).pipe(
          Effect.flatMap(({ plaintext }) => decode(new TextDecoder().decode(plaintext))),
          Effect.option
        )
    } satisfies Seal<S["Type"]> as Seal<S["Type"]>
  })
