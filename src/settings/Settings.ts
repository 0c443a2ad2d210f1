/** Reading the environment: every declared setting at once, every complaint at once. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { PLACEHOLDERS } from "./Remnants.ts"
import type { Setting } from "./Setting.ts"

/** The environment holds what cannot be meant. `problems` has one line per variable, each with its remedy. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", {
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return this.problems.length === 1
      ? `Setting refused: ${this.problems[0]}`
      : `${this.problems.length} settings refused:\n${this.problems.map((problem) => `  ${problem}`).join("\n")}`
  }
}

type Group = Readonly<Record<string, Setting<unknown>>>

/** The values of a group of settings. */
export type Values<G> = { readonly [K in keyof G]: G[K] extends Setting<infer A> ? A : never }

const readOne = Effect.fnUntraced(function* (setting: Setting<unknown>) {
  const raw = yield* Config.option(Config.String(setting.name)).pipe(
    Effect.mapError((error) => `${setting.name}: ${error.message}`)
  )
  if (Option.isNone(raw) || raw.value.trim() === "") return setting.absent
  const value = raw.value.trim()
  if (PLACEHOLDERS.has(value)) {
    return yield* Effect.fail(
      `${setting.name}: still holds the placeholder of an example file; set it, or leave it empty`
    )
  }
  const decoded = setting.decode(value)
  if (Result.isSuccess(decoded)) return decoded.success
  const got = setting.secret ? "" : `, not ${JSON.stringify(value)}`
  return yield* Effect.fail(`${setting.name}: expected ${decoded.failure}${got}`)
})

/** Reads groups of settings from the ConfigProvider in force. Fails with everything that is wrong. */
export const load = Effect.fnUntraced(function* <const G extends Readonly<Record<string, Group>>>(groups: G) {
  const problems: Array<string> = []
  const values: Record<string, Record<string, unknown>> = {}
  for (const [room, group] of Object.entries(groups)) {
    const read: Record<string, unknown> = {}
    for (const [key, setting] of Object.entries(group)) {
      const result = yield* Effect.result(readOne(setting))
      if (Result.isSuccess(result)) read[key] = result.success
      else problems.push(result.failure)
    }
    values[room] = read
  }
  if (problems.length > 0) return yield* new SettingsError({ problems })
  return values as { readonly [K in keyof G]: Values<G[K]> }
})

/** A variable that is set to nothing is set: `${VAR}` in the configuration file may mean just that. */
const AS_IT_IS = { preserveEmptyStrings: true }

/** The environment first, then the `.env` of the working directory as it is now; it need not exist. */
export const dotEnv = ConfigProvider.fromDotEnv(AS_IT_IS).pipe(
  Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed(ConfigProvider.fromUnknown({}))),
  Effect.map((file) => ConfigProvider.orElse(ConfigProvider.fromEnv(AS_IT_IS), file))
)

/** The same, read once. */
export const layerDotEnv = ConfigProvider.layer(dotEnv)
