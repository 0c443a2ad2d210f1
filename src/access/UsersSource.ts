/** Where users.json is, and what is found there. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as FileHints from "../config/FileHints.ts"
import type { AccessRules } from "../domain/AccessRules.ts"
import type { Values } from "../settings/Settings.ts"
import type { settings } from "./AccessSettings.ts"
import * as UsersFile from "./UsersFile.ts"

/** MCP_USERS_PATH names a file that does not exist. */
export class UsersFileNotFound extends Schema.TaggedError<UsersFileNotFound>()("UsersFileNotFound", {
  path: Schema.String
}) {
  override get message(): string {
    return `MCP_USERS_PATH: there is no file ${this.path}. Create it: {"you@example.com": {"roles": ["admin"], "allowed_tools": ["*"]}}`
  }
}

/** The file is there, but cannot be read. */
export class UsersFileUnreadable extends Schema.TaggedError<UsersFileUnreadable>()("UsersFileUnreadable", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.path} cannot be read: ${this.reason}`
  }
}

/** The file does not say who may do what. `problems` holds everything that is wrong with it. */
export class UsersFileInvalid extends Schema.TaggedError<UsersFileInvalid>()("UsersFileInvalid", {
  path: Schema.String,
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const count = `${this.problems.length} problem${this.problems.length === 1 ? "" : "s"}`
    return `${this.path} has ${count}:\n${this.problems.map((problem) => `  ${problem}`).join("\n")}`
  }
}

export type UsersFileError = UsersFileNotFound | UsersFileUnreadable | UsersFileInvalid

export interface Source {
  readonly path: string
  /** Was it asked for by name? Then it has to be there. */
  readonly named: boolean
}

export const locate = Effect.fnUntraced(function* (values: Values<typeof settings>, dataDirectory: string) {
  const paths = yield* Path.Path
  return {
    path: paths.resolve(Option.getOrElse(values.usersPath, () => paths.join(dataDirectory, "users.json"))),
    named: Option.isSome(values.usersPath)
  } satisfies Source
})

/** The text of the file; none where there is no file. */
export const look = (path: string): Effect.Effect<Option.Option<string>, UsersFileUnreadable, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.asSome,
    Effect.catchReason("PlatformError", "NotFound", () => Effect.succeedNone),
    Effect.mapError((error) => new UsersFileUnreadable({ path, reason: error.message }))
  )

/** The rules that a text makes together with the lists of the environment. */
export const rules = (
  values: Values<typeof settings>,
  path: string,
  text: Option.Option<string>
): Result.Result<AccessRules, UsersFileInvalid> => {
  const lists = {
    emails: new Set(values.allowedEmails.map((email) => email.toLowerCase())),
    domains: new Set(values.allowedDomains.map((domain) => domain.replace(/^@/u, "").toLowerCase()))
  }
  if (Option.isNone(text)) return Result.succeed({ ...lists, file: undefined })
  return UsersFile.read(text.value).pipe(
    Result.map((file) => ({ ...lists, file })),
    Result.mapError((problems) => new UsersFileInvalid({ path, problems }))
  )
}

/** Everything that a start needs to know; fails with everything that is wrong. */
export const load = Effect.fn("UsersSource.load")(function* (values: Values<typeof settings>, dataDirectory: string) {
  const source = yield* locate(values, dataDirectory)
  const text = yield* look(source.path)
  if (source.named && Option.isNone(text)) return yield* new UsersFileNotFound({ path: source.path })
  return { source, text, rules: yield* Effect.fromResult(rules(values, source.path, text)) }
})

/** Who shuts somebody out wants it soon. */
const PATIENCE: FileHints.Patience = { quiet: "100 millis", poll: "1 second" }

/** Says that the file may have changed. */
export const hints = (path: string) => FileHints.hints([path], PATIENCE)
