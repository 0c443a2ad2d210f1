/** The one secret from which all others are derived. */
import * as Array from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { hkdfSync, randomBytes } from "node:crypto"
import * as KeyText from "./KeyText.ts"

const BYTES = 32

/** The key file exists but does not hold a key. */
export class RootKeyError extends Schema.TaggedError<RootKeyError>()("RootKeyError", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `The key file ${this.path} cannot be used: ${this.reason}. Restore it, or delete it: then every open session ends.`
  }
}

/** The newest first: it makes things; the others only open what was made with them. */
type Roots = Array.NonEmptyReadonlyArray<Uint8Array>

/** 32 bytes each (HKDF-SHA256, RFC 5869) that say nothing of the root, or of another purpose's key. */
export interface Derived {
  readonly current: Redacted.Redacted<Uint8Array>
  /** From the former roots that are still to be understood. */
  readonly previous: ReadonlyArray<Redacted.Redacted<Uint8Array>>
}

/** `derive(purpose)` waits for as long as a key is still being stretched. */
export class RootKey extends Context.Service<
  RootKey,
  { readonly derive: (purpose: string) => Effect.Effect<Derived> }
>()("mcp-proxy/keys/RootKey") {
  /** The key in this file, which is made, readable by its owner only, if it does not exist. */
  static readonly layerFile = (path: string, previous: ReadonlyArray<Redacted.Redacted<string>> = []) =>
    Layer.effect(
      RootKey,
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const failed = (error: { readonly message: string }) => new RootKeyError({ path, reason: error.message })
        const exists = yield* Effect.mapError(fs.exists(path), failed)
        if (!exists) yield* Effect.mapError(create(path), failed)
        const bytes = yield* Effect.mapError(fs.readFile(path), failed)
        if (bytes.length !== BYTES) {
          return yield* new RootKeyError({ path, reason: `it holds ${bytes.length} bytes, not ${BYTES}` })
        }
        return yield* make(Effect.succeed(bytes), previous)
      })
    )

  /** The key that this text is; a text that could be guessed is stretched meanwhile, without delaying anybody. */
  static readonly layerText = (
    text: Redacted.Redacted<string>,
    previous: ReadonlyArray<Redacted.Redacted<string>> = []
  ): Layer.Layer<RootKey> => Layer.effect(RootKey, make(KeyText.bytes(text), previous))

  /** A key for this process alone: sessions end with it. */
  static readonly layerRandom: Layer.Layer<RootKey> = Layer.effect(
    RootKey,
    Effect.suspend(() => make(Effect.succeed(randomBytes(BYTES)), []))
  )
}

/** The file appears whole or not at all; of two processes that make it at once, the slower uses the faster's. */
const create = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const draft = `${path}.${randomBytes(6).toString("hex")}`
  yield* fs.writeFile(draft, randomBytes(BYTES), { flag: "wx", mode: 0o600 })
  yield* fs.link(draft, path).pipe(
    Effect.catchReason("PlatformError", "AlreadyExists", () => Effect.void),
    // There are file systems without links.
    Effect.catch(() => fs.rename(draft, path)),
    Effect.ensuring(Effect.ignore(fs.remove(draft, { force: true })))
  )
})

const derived = (root: Uint8Array, purpose: string): Redacted.Redacted<Uint8Array> =>
  Redacted.make(new Uint8Array(hkdfSync("sha256", root, "mcp-proxy", purpose, BYTES)))

const make = (current: Effect.Effect<Uint8Array>, previous: ReadonlyArray<Redacted.Redacted<string>>) =>
  Effect.gen(function* () {
    const all: Effect.Effect<Roots> = Effect.all([current, ...previous.map(KeyText.bytes)])
    const roots = yield* Effect.cached(all)
    // Begun at once, so that it is done when it is needed.
    yield* Effect.forkScoped(roots)
    return RootKey.of({
      derive: (purpose) =>
        Effect.map(roots, (ready) => ({
          current: derived(Array.headNonEmpty(ready), purpose),
          previous: Array.tailNonEmpty(ready).map((root) => derived(root, purpose))
        }))
    })
  })
