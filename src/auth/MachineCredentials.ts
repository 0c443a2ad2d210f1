/** Programs that come with a key of their own instead of signing in: each is a principal with a name. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { timingSafeEqual } from "node:crypto"
import type { Principal } from "../domain/Principal.ts"
import { Subject } from "../domain/ServerId.ts"
import * as Setting from "../settings/Setting.ts"
import { SettingsError, type Values } from "../settings/Settings.ts"
import { digest } from "./Digests.ts"
import * as KeysFile from "./KeysFile.ts"
import * as MachineKey from "./MachineKey.ts"

/** The entries of a text, `key:name` and commas between them. Nothing that is said of them quotes them. */
const decodeKeys = (text: string): Result.Result<ReadonlyArray<MachineKey.MachineKey>, string> => {
  const entries = Setting.items(text).map((item) => {
    const colon = item.lastIndexOf(":")
    return MachineKey.make(item.slice(0, Math.max(colon, 0)), item.slice(colon + 1))
  })
  const wrong = entries.flatMap((entry, index) =>
    Result.isFailure(entry) ? [`entry ${index + 1}: ${entry.failure}`] : []
  )
  return wrong.length === 0
    ? Result.succeed(entries.map((entry) => Result.getOrThrow(entry)))
    : Result.fail(`key:name pairs, comma-separated (${wrong.join("; ")})`)
}

export const settings = {
  token: Setting.secret({
    name: "MCP_AUTH_TOKEN",
    description: `A bearer token for one program that cannot sign in, such as a gateway in front: ${MachineKey.MINIMUM} characters or more.`,
    minimum: MachineKey.MINIMUM
  }),
  keys: Setting.custom<ReadonlyArray<MachineKey.MachineKey>>({
    name: "MCP_API_KEYS",
    description: `Bearer tokens for several programs, as key:name,… with keys of ${MachineKey.MINIMUM} characters or more.`,
    fallback: "",
    absent: [],
    decode: decodeKeys,
    secret: true
  }),
  keysPath: Setting.optional({
    name: "MCP_API_KEYS_PATH",
    description: 'The same in a JSON file: {"key": {"client_id": "name"}}.'
  })
}

type MachineSettings = Values<typeof settings>

/** What the program that bears MCP_AUTH_TOKEN is called. */
const TOKEN_NAME = "auth-token"

/** A key with where it stands, for complaints. */
interface Placed extends MachineKey.MachineKey {
  readonly place: string
}

const twice = (all: ReadonlyArray<Placed>): ReadonlyArray<string> => {
  const places = Map.groupBy(all, ({ key }) => Redacted.value(key))
  return [...places.values()]
    .filter((same) => same.length > 1)
    .map((same) => `The same key stands in ${same.map(({ place }) => place).join(" and in ")}. Give each its own.`)
}

/** Every key that is set, or everything that is wrong with them. */
const read = Effect.fnUntraced(function* ({ keys, keysPath, token }: MachineSettings) {
  const own: ReadonlyArray<Placed> = [
    ...Option.toArray(token).map((key) => ({ key, name: TOKEN_NAME, place: settings.token.name })),
    ...keys.map((key, index) => ({ ...key, place: `${settings.keys.name} (entry ${index + 1})` }))
  ]
  const file = Option.isNone(keysPath) ? Result.succeed([]) : yield* readFile(keysPath.value)
  if (Result.isFailure(file)) return yield* new SettingsError({ problems: [...file.failure, ...twice(own)] })
  const all = [...own, ...file.success]
  const problems = twice(all)
  return problems.length === 0 ? all : yield* new SettingsError({ problems })
})

const readFile = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const named = (text: string) => `${settings.keysPath.name}: ${path} ${text}`
  const text = yield* Effect.result(fs.readFileString(path))
  if (Result.isFailure(text)) return Result.fail([named(`cannot be read: ${text.failure.message}`)])
  return KeysFile.read(text.success).pipe(
    Result.map((keys) => keys.map(({ key, line, name }): Placed => ({ key, name, place: `${path} (line ${line})` }))),
    Result.mapError((problems) => problems.map(named))
  )
})

const principal = (name: string): Principal => ({
  subject: Subject.make(`key:${name}`),
  kind: "machine",
  displayName: name
})

/**
 * `verify` takes the same time for every token of a length, right or wrong: hashes are compared, in constant time, with
 * all of them. Keys of one name are one principal, so that a key can be replaced without a gap.
 */
export class MachineCredentials extends Context.Service<
  MachineCredentials,
  {
    readonly verify: (bearer: Redacted.Redacted<string>) => Option.Option<Principal>
    /** Whom there are keys for. */
    readonly names: ReadonlyArray<string>
  }
>()("mcp-proxy/auth/MachineCredentials") {
  /** Those of the settings. Fails with everything that is wrong with them. */
  static readonly layer = (values: MachineSettings) =>
    Layer.effect(
      MachineCredentials,
      Effect.map(read(values), (keys) => make(keys))
    )

  /** Nobody. */
  static readonly layerNone: Layer.Layer<MachineCredentials> = Layer.sync(MachineCredentials, () => make([]))
}

const make = (keys: ReadonlyArray<MachineKey.MachineKey>): MachineCredentials["Service"] => {
  const known = keys.map(({ key, name }) => ({ hash: digest(Redacted.value(key)), principal: principal(name) }))
  return {
    verify: (bearer) => {
      const hash = digest(Redacted.value(bearer))
      let found = Option.none<Principal>()
      for (const one of known) {
        if (timingSafeEqual(one.hash, hash)) found = Option.some(one.principal)
      }
      return found
    },
    names: [...new Set(keys.map(({ name }) => name))]
  }
}

/** What is said of them where nobody has to show anything. */
export const unused = ({ keys, keysPath, token }: MachineSettings): ReadonlyArray<string> => {
  const present = [
    ...(Option.isSome(token) ? [settings.token.name] : []),
    ...(keys.length > 0 ? [settings.keys.name] : []),
    ...(Option.isSome(keysPath) ? [settings.keysPath.name] : [])
  ]
  return present.length === 0
    ? []
    : [`Not used: ${present.join(", ")}. Without sign-in (MCP_AUTH_PROVIDER=none) nobody is asked for a key.`]
}
