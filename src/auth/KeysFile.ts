/** The file of MCP_API_KEYS_PATH: `{ "<key>": { "client_id": "<name>" } }`, as the Python proxy had it. Pure. */
import * as Result from "effect/Result"
import * as JsonDocument from "../config/JsonDocument.ts"
import * as Problem from "../config/Problem.ts"
import * as MachineKey from "./MachineKey.ts"

export interface FiledKey extends MachineKey.MachineKey {
  readonly line: number
}

const KNOWN = ["client_id", "scopes"]

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isEverything = (scopes: unknown): boolean =>
  scopes === undefined || (Array.isArray(scopes) && scopes.length === 1 && scopes[0] === "*")

const entry = (key: string, value: unknown): Result.Result<MachineKey.MachineKey, ReadonlyArray<string>> => {
  if (!isObject(value)) return Result.fail(['expected {"client_id": "name"}'])
  const { client_id: name, scopes } = value
  const made = typeof name === "string" ? MachineKey.make(key, name) : Result.fail('expected a text as "client_id"')
  const problems = [
    ...(Result.isFailure(made) ? [made.failure] : []),
    ...(isEverything(scopes) ? [] : ['"scopes" can be ["*"] only: what a program may call is said in MCP_USERS_PATH']),
    ...Object.keys(value)
      .filter((name) => !KNOWN.includes(name))
      .map((name) => `"${name}" ${Problem.unknownKey(name, KNOWN)}`)
  ]
  return Result.isFailure(made) || problems.length > 0 ? Result.fail(problems) : Result.succeed(made.success)
}

/** The keys of a file's text; or all that is wrong with it, by line. The names of members are secrets: none is quoted. */
export const read = (text: string): Result.Result<ReadonlyArray<FiledKey>, ReadonlyArray<string>> => {
  const document = JsonDocument.read(text)
  if (Result.isFailure(document)) {
    // The parser's own words may quote the line.
    return Result.fail([`is not JSON (line ${document.failure.line}, column ${document.failure.column})`])
  }
  const { duplicates, lineOf, value } = document.success
  if (!isObject(value)) return Result.fail(['is not an object such as {"key": {"client_id": "name"}}'])
  const entries = Object.entries(value).map(([key, item]) => ({ line: lineOf([key]), made: entry(key, item) }))
  const problems = [
    ...duplicates.map(({ lines: [first, second] }) => `holds the same key twice (lines ${first} and ${second})`),
    ...entries.flatMap(({ line, made }) =>
      Result.isFailure(made) ? made.failure.map((problem) => `has a wrong entry: ${problem} (line ${line})`) : []
    )
  ]
  return problems.length > 0
    ? Result.fail(problems)
    : Result.succeed(
        entries.flatMap(({ line, made }) =>
          Result.isSuccess(made) ? [{ key: made.success.key, name: made.success.name, line }] : []
        )
      )
}
