/** The one secret from which all others are derived. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { hkdfSync, randomBytes } from "node:crypto"

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

/** `derive(purpose)` gives 32 bytes (HKDF-SHA256, RFC 5869) that say nothing of the root or of another purpose's key. */
export class RootKey extends Context.Service<
  RootKey,
  { readonly derive: (purpose: string) => Redacted.Redacted<Uint8Array> }
>()("mcp-proxy/keys/RootKey") {
  /** The key in this file, which is made, readable by its owner only, if it does not exist. */
  static readonly layerFile = (path: string) =>
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
        return make(bytes)
      })
    )

  /** A key for this process alone: sessions end with it. */
  static readonly layerRandom = Layer.sync(RootKey, () => make(randomBytes(BYTES)))
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

const make = (root: Uint8Array): RootKey["Service"] => ({
  derive: (purpose) => Redacted.make(new Uint8Array(hkdfSync("sha256", root, "mcp-proxy", purpose, BYTES)))
})
