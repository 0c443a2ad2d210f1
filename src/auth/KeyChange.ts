/** Notices, at the start, that the root key is another than last time: what it made is then worth nothing. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { RootKey } from "../keys/RootKey.ts"
import { idOf } from "../keys/SigningKeys.ts"
import { logger } from "../observability/Logging.ts"
import { Store } from "../storage/Store.ts"

const log = logger("auth")

const TABLE = "key"
const ROW = "fingerprint"

/** Written anew with every start. */
const KEPT = Duration.days(3650)

const LOST =
  "The key from which all others are made is not the one of the last start: everybody has to sign in again. To avoid that, set GOOGLE_JWT_KEY_PREVIOUS to the former GOOGLE_JWT_KEY or client secret"

/** Compares the key with the one of the last start, and remembers it for the next. */
export const check = Effect.gen(function* () {
  const store = yield* Store
  const root = yield* RootKey
  const { current, previous } = yield* root.derive("fingerprint")
  const now = idOf(current)
  const before = yield* store.get(TABLE, ROW)
  if (Option.isSome(before) && before.value !== now) {
    yield* previous.some((key) => idOf(key) === before.value)
      ? log.info("The key has changed; what was made with GOOGLE_JWT_KEY_PREVIOUS stays valid")
      : log.warning(previous.length === 0 ? LOST : `${LOST}; what it is set to now is another key`)
  }
  yield* store.put(TABLE, { key: ROW, value: now }, KEPT)
})

/** Checks meanwhile: a key that is being stretched holds up nobody. */
export const layer: Layer.Layer<never, never, RootKey | Store> = Layer.effectDiscard(
  check.pipe(
    Effect.catchTag("StoreError", (error) => log.warning(error.message)),
    Effect.forkScoped
  )
)
