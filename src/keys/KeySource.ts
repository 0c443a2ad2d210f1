/** Where the root key comes from, as the settings say. Pure, but for the layer. */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Setting from "../settings/Setting.ts"
import type { Values } from "../settings/Settings.ts"
import * as KeyText from "./KeyText.ts"
import { RootKey } from "./RootKey.ts"

export const settings = {
  key: Setting.secret({
    name: "GOOGLE_JWT_KEY",
    description: `What all keys are derived from, whoever signs people in: 32 random bytes (${KeyText.COMMAND}). Unset: the provider's client secret; without one, a file in MCP_DATA_DIR.`,
    minimum: KeyText.MINIMUM
  }),
  previous: Setting.secret({
    name: "GOOGLE_JWT_KEY_PREVIOUS",
    description:
      "The GOOGLE_JWT_KEY, or client secret, of before: what was made with it stays valid after a change of key.",
    minimum: KeyText.MINIMUM
  })
}

/** A text that may serve as the root, and the variable that holds it. */
export interface KeyInHand {
  readonly name: string
  readonly secret: Redacted.Redacted<string>
}

export type Origin = { readonly _tag: "Text"; readonly secret: Redacted.Redacted<string> } | { readonly _tag: "File" }

export interface KeySource {
  readonly origin: Origin
  readonly previous: ReadonlyArray<Redacted.Redacted<string>>
  /** To be said at every start. */
  readonly warnings: ReadonlyArray<string>
}

/** The file in the data directory. */
export const file: KeySource = { origin: { _tag: "File" }, previous: [], warnings: [] }

/** From here on a text is as good as any. */
const GOOD = 32

const remedy = `Make one with: ${KeyText.COMMAND}`

const length = (secret: Redacted.Redacted<string>): number => Redacted.value(secret).length

/** The root key's source; or why there is none. */
export const choose = (
  values: Values<typeof settings>,
  clientSecret: Option.Option<KeyInHand>
): Result.Result<KeySource, string> => {
  const chosen = Option.orElse(
    Option.map(values.key, (secret): KeyInHand => ({ name: settings.key.name, secret })),
    () => clientSecret
  )
  const previous = Option.toArray(values.previous)
  if (Option.isNone(chosen)) return Result.succeed({ ...file, previous })
  const { name, secret } = chosen.value
  if (length(secret) < KeyText.MINIMUM) {
    return Result.fail(
      `${name} has fewer than ${KeyText.MINIMUM} characters, too few to derive keys from: set GOOGLE_JWT_KEY. ${remedy}`
    )
  }
  const instead = name === settings.key.name ? remedy : `Set ${settings.key.name}. ${remedy}`
  const isShort = length(secret) < GOOD
  const warnings = isShort
    ? [`${name}, of which all keys are made, is shorter than ${GOOD} characters. ${instead}`]
    : []
  return Result.succeed({ origin: { _tag: "Text", secret }, previous, warnings })
}

/** The root key; `path` is its place where it is a file. */
export const layer = (source: KeySource, path: string) =>
  source.origin._tag === "Text"
    ? RootKey.layerText(source.origin.secret, source.previous)
    : RootKey.layerFile(path, source.previous)
