/** Reading users.json: from its text to the rules, or everything that is wrong with it. */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as JsonDocument from "../config/JsonDocument.ts"
import { format, issuesOf, type Path, type Problem, unknownKey } from "../config/Problem.ts"
import { nearest } from "../domain/Names.ts"
import { ADMIN, Entry, kindOf, normalized, Role, type UsersFile } from "../domain/UsersFile.ts"

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$-]*$/u

/** `"ann@example.com".allowed_tools[1]` */
const place = (path: Path): string =>
  path
    .map((key, index) => {
      const name = String(key)
      if (typeof key === "number") return `[${name}]`
      return `${index === 0 ? "" : "."}${IDENTIFIER.test(name) ? name : JSON.stringify(name)}`
    })
    .join("")

const STRICT = { errors: "all", onExcessProperty: "error" } as const

/** What an entry is read with: what to complain of, and the keys that it may have. */
interface Reader<A> {
  readonly keys: ReadonlyArray<string>
  readonly decode: (raw: unknown) => Result.Result<A, Schema.SchemaError>
}
const entries: Reader<Entry> = { keys: Object.keys(Entry.fields), decode: Schema.decodeUnknownResult(Entry, STRICT) }
const roles: Reader<Role> = { keys: Object.keys(Role.fields), decode: Schema.decodeUnknownResult(Role, STRICT) }

/** A key as it is written, which may be that of a domain or a person but is that of neither. */
const keyProblem = (key: string): string | undefined => {
  if (key.toLowerCase() === "roles" || key.toLowerCase() === "role") return 'is not a known key; did you mean "roles"?'
  if (key === "") return "names nobody"
  const kind = kindOf(key)
  if (kind !== "anyone" && key.includes("*"))
    return 'must be an e-mail, a domain ("@example.com"), "*" for anyone, or the name of a machine credential; patterns name nobody'
  if (kind === "domain" && !/^@[^@\s]+$/u.test(key)) return 'is not a domain, which is written "@example.com"'
  return kind === "person" && !/^[^@\s]+@[^@\s]+$/u.test(key) ? "is not an e-mail address" : undefined
}

/** All problems of a text; or what it says. */
export const read = (text: string): Result.Result<UsersFile, ReadonlyArray<string>> => {
  const document = JsonDocument.read(text)
  if (Result.isFailure(document)) {
    const { column, line, reason, source } = document.failure
    return Result.fail([`it is not JSON: ${reason} at line ${line}, column ${column}: ${source.trim().slice(0, 100)}`])
  }
  const { duplicates, lineOf, value } = document.success
  if (!Predicate.isReadonlyObject(value)) {
    return Result.fail(['expected an object, like {"ann@example.com": {"allowed_tools": ["*"]}}'])
  }
  const problems: Array<Problem> = []
  const complain = (path: Path, message: string): void => {
    problems.push({ path: place(path), message, line: lineOf(path) })
  }
  for (const { lines, path } of duplicates) {
    const message = `stands twice, on lines ${lines[0]} and ${lines[1]}; one of them would be lost`
    problems.push({ path: place(path), message, line: undefined })
  }
  const check = <A>(path: Path, raw: unknown, { decode, keys }: Reader<A>): A | undefined => {
    if (!Predicate.isReadonlyObject(raw)) complain(path, "expected an object")
    const decoded = decode(raw)
    if (Result.isSuccess(decoded)) return decoded.success
    for (const [below, message] of issuesOf(decoded.failure)) {
      const [key] = below
      if (key === undefined) continue
      complain([...path, ...below], keys.includes(String(key)) ? message : unknownKey(String(key), keys))
    }
    return undefined
  }

  const { $schema, roles: rawRoles = {}, ...rest } = value
  if ($schema !== undefined && typeof $schema !== "string") complain(["$schema"], "expected string")
  const known = new Map<string, Role>()
  if (Predicate.isReadonlyObject(rawRoles)) {
    for (const [name, raw] of Object.entries(rawRoles)) {
      const role = check(["roles", name], raw, roles)
      if (role !== undefined) known.set(name, role)
    }
  } else complain(["roles"], "expected an object with the definitions of roles")
  const roleNames = [...(Predicate.isReadonlyObject(rawRoles) ? Object.keys(rawRoles) : []), ADMIN]

  const found = new Map<string, Entry>()
  const spelledFirst = new Map<string, string>()
  for (const [key, raw] of Object.entries(rest)) {
    const wrong = keyProblem(key)
    if (wrong !== undefined) {
      complain([key], wrong)
      continue
    }
    const other = spelledFirst.get(normalized(key))
    if (other !== undefined) complain([key], `names the same as ${JSON.stringify(other)}; one of them would be lost`)
    spelledFirst.set(normalized(key), key)
    const entry = check([key], raw, entries)
    for (const [index, name] of (entry?.roles ?? []).entries()) {
      if (roleNames.includes(name)) continue
      const near = nearest(name, roleNames, 1)[0]
      const hint = near === undefined ? `; define it under "roles"` : `; did you mean ${JSON.stringify(near)}?`
      complain([key, "roles", index], `there is no role ${JSON.stringify(name)}${hint}`)
    }
    if (entry !== undefined) found.set(normalized(key), entry)
  }
  return problems.length === 0
    ? Result.succeed({ roles: known, entries: found })
    : Result.fail([...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0)).map(format))
}
