/** Values that leave the house and come back: readable and forgeable by nobody else. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { CompactEncrypt, compactDecrypt } from "jose"
import { RootKey } from "./RootKey.ts"

/** `open` gives none for what this seal did not make: forged, damaged, made for another purpose or under another key. */
export interface Seal<A> {
  readonly seal: (value: A) => Effect.Effect<string>
  /** What the previous key sealed opens, too. */
  readonly open: (text: string) => Effect.Effect<Option.Option<A>>
}

const HEADER = { alg: "dir", enc: "A256GCM" } as const
const ACCEPTED = { keyManagementAlgorithms: ["dir"], contentEncryptionAlgorithms: ["A256GCM"] }

/** A seal for values of one schema and one purpose: JWE compact serialisation (RFC 7516), letters safe in headers and URLs. */
export const make = <S extends Schema.ConstraintCodec<unknown, unknown>>(purpose: string, schema: S) =>
  Effect.gen(function* () {
    const root = yield* RootKey
    // Derived with the first use: a key that is still being stretched must not hold up the start.
    const keys = yield* Effect.cached(
      Effect.map(root.derive(`seal ${purpose}`), ({ current, previous }) => ({
        current: Redacted.value(current),
        previous: previous.map(Redacted.value)
      }))
    )
    const codec = Schema.fromJsonString(schema)
    const encode = Schema.encodeUnknownEffect(codec)
    const decode = Schema.decodeUnknownEffect(codec)
    const openWith = (text: string, key: Uint8Array) =>
      Effect.tryPromise(() => compactDecrypt(text, key, ACCEPTED)).pipe(
        Effect.flatMap(({ plaintext }) => decode(new TextDecoder().decode(plaintext))),
        Effect.option
      )
    return {
      seal: (value) =>
        Effect.all([encode(value), keys]).pipe(
          Effect.flatMap(([text, { current }]) =>
            Effect.promise(() =>
              new CompactEncrypt(new TextEncoder().encode(text as string)).setProtectedHeader(HEADER).encrypt(current)
            )
          ),
          // The value is of the schema's own type, so it encodes.
          Effect.orDie
        ),
      open: Effect.fnUntraced(function* (text) {
        const { current, previous } = yield* keys
        for (const key of [current, ...previous]) {
          const opened = yield* openWith(text, key)
          if (Option.isSome(opened)) return opened
        }
        return Option.none()
      })
    } satisfies Seal<S["Type"]> as Seal<S["Type"]>
  })
