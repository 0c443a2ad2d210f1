/** From one entry of `mcpServers` to the server that the fleet runs: one pure step, all problems at once. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as BreakerOptions from "../domain/Breaker.ts"
import * as DurationText from "../domain/Duration.ts"
import { Breaker, Restart, ServerEntry } from "../domain/GatewayConfig.ts"
import {
  DEFAULT_CALLS,
  makeServer,
  type RestartOptions,
  type ServerConfig,
  type Text,
  type Transport
} from "../domain/ServerConfig.ts"
import { ServerId } from "../domain/ServerId.ts"
import * as Expansion from "./Expansion.ts"
import type { JsonDocument } from "./JsonDocument.ts"
import { KNOWN_KEYS, translate } from "./KnownKeys.ts"
import { dotted, issuesOf, type Path, type Problem, unknownKey } from "./Problem.ts"

/** What resolving needs from outside: variables, and the variables of an envFile (or why it has none). */
export interface Environment {
  readonly variable: (name: string) => string | undefined
  readonly envFile: (path: string) => Result.Result<Readonly<Record<string, string>>, string>
  /** A path as seen from the folder of the configuration file. */
  readonly path: (relative: string) => string
}

/** The server, unless it is disabled or its entry cannot be understood, and what there is to say about the entry. */
export interface ResolvedServer {
  readonly server: ServerConfig | undefined
  /** What makes the whole file unusable. */
  readonly problems: ReadonlyArray<Problem>
  /** What makes this server unusable. */
  readonly serverProblems: ReadonlyArray<Problem>
  readonly unknownKeys: ReadonlyArray<Problem>
  readonly notes: ReadonlyArray<Problem>
}

const decode = Schema.decodeUnknownResult(ServerEntry, { errors: "all" })

/** The duration of a text that the Schema has checked. */
export const duration = (text: string): Duration.Duration =>
  Option.getOrElse(DurationText.parse(text), () => Duration.zero)

const optionalDuration = (text: string | undefined): Duration.Duration | undefined =>
  text === undefined ? undefined : duration(text)

interface Expansions {
  /** Paths of the values that held a variable. */
  readonly redacted: Set<string>
  readonly missing: Array<readonly [Path, string]>
}

/** What stands at a path of the expanded entry. */
const textAt = ({ redacted }: Expansions, value: string, path: Path): Text =>
  redacted.has(dotted(path)) ? Redacted.make(value) : value

/** An empty variable says as little as an absent key. */
const withoutEmpty = (entry: unknown): unknown =>
  Predicate.isReadonlyObject(entry)
    ? Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== ""))
    : entry

const expandAll = (value: unknown, path: Path, variable: Environment["variable"], found: Expansions): unknown => {
  if (typeof value === "string") {
    const { fromVariables, missing, text } = Expansion.expand(value, variable)
    if (fromVariables) found.redacted.add(dotted(path))
    for (const what of missing) found.missing.push([path, what])
    return text
  }
  if (Array.isArray(value)) return value.map((item, index) => expandAll(item, [...path, index], variable, found))
  if (!Predicate.isReadonlyObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, expandAll(item, [...path, key], variable, found)])
  )
}

type Kind = "stdio" | "http" | "sse"

const kindOf = (entry: ServerEntry): Kind => {
  if (entry.type !== undefined) return entry.type
  if (entry.command !== undefined) return "stdio"
  return /\/sse\/?(\?|#|&|$)/u.test(entry.url ?? "") ? "sse" : "http"
}

/** The keys that decide how a server is reached. */
const REACH = new Set<PropertyKey | undefined>(["type", "command", "url"])

/** What the Schema alone cannot say about an entry. */
const contradiction = (entry: ServerEntry, kind: Kind): readonly [Path, string] | undefined => {
  if (entry.command === undefined && entry.url === undefined) {
    return [[], 'needs a "command" to start, or a "url" to connect to']
  }
  if (entry.command !== undefined && entry.url !== undefined && entry.type === undefined) {
    return [[], 'has both "command" and "url"; remove one, or say which with "type"']
  }
  if (kind === "stdio" && entry.command === undefined) return [["type"], 'is "stdio", which needs a "command"']
  if (kind !== "stdio" && entry.url === undefined) return [["type"], `is "${kind}", which needs a "url"`]
  return undefined
}

/** What is looked at once a second cannot be finer than that. */
const LEAST = Duration.seconds(1)

/** Durations that a server cannot be watched by. */
const unfitDurations = (entry: ServerEntry): ReadonlyArray<readonly [Path, string]> => {
  const { breaker, callTimeout, maxCallTime, ping, pingTimeout } = entry
  const rest = typeof breaker === "object" ? breaker.rest : undefined
  const short = (
    path: Path,
    text: string | boolean | undefined,
    remedy: string
  ): ReadonlyArray<readonly [Path, string]> =>
    typeof text === "string" && Duration.isLessThan(duration(text), LEAST)
      ? [[path, `must be at least 1 s${remedy}`]]
      : []
  const isContradictory =
    callTimeout !== undefined &&
    maxCallTime !== undefined &&
    Duration.isLessThan(duration(maxCallTime), duration(callTimeout))
  return [
    ...short(["ping"], ping, "; false switches pings off"),
    ...short(["pingTimeout"], pingTimeout, ""),
    ...short(["breaker", "rest"], rest, '; "breaker": false switches it off'),
    ...(isContradictory
      ? [[["maxCallTime"], `is less than callTimeout (${callTimeout}), which could never be reached`] as const]
      : [])
  ]
}

const isHttpUrl = (url: string): boolean => URL.canParse(url) && /^https?:$/u.test(new URL(url).protocol)

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u
// oxlint-disable-next-line no-control-regex
const HEADER_VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/u

const redact = (values: Readonly<Record<string, unknown>> | undefined): Record<string, Redacted.Redacted<string>> =>
  Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, Redacted.make(String(value))]))

const restartOf = ({ restart }: ServerEntry): ServerConfig["restart"] => {
  if (restart === undefined || restart === true) return undefined
  if (restart === false) return false
  const options: { -readonly [K in keyof RestartOptions]?: RestartOptions[K] } = {}
  if (restart.maxAttempts !== undefined) options.maxAttempts = restart.maxAttempts
  if (restart.delay !== undefined) options.delay = duration(restart.delay)
  if (restart.maxDelay !== undefined) options.maxDelay = duration(restart.maxDelay)
  return options
}

const breakerOf = ({ breaker }: ServerEntry): ServerConfig["breaker"] | undefined => {
  if (typeof breaker !== "object") return breaker === false ? false : undefined
  const { failures, restMillis } = BreakerOptions.DEFAULTS
  return {
    failures: breaker.failures ?? failures,
    restMillis: breaker.rest === undefined ? restMillis : Duration.toMillis(duration(breaker.rest))
  }
}

/** The transport of a valid entry; `fail` is told what makes it unusable. */
const transportOf = (
  entry: ServerEntry,
  kind: Kind,
  found: Expansions,
  environment: Environment,
  fail: (path: Path, message: string) => void
): Transport => {
  const text = (value: string, ...path: Path): Text => textAt(found, value, path)
  if (kind === "stdio") {
    const isNamed = entry.envFile !== undefined && !found.missing.some(([[key]]) => key === "envFile")
    const file = isNamed ? environment.envFile(entry.envFile) : Result.succeed({})
    if (Result.isFailure(file)) fail(["envFile"], file.failure)
    return {
      _tag: "Stdio",
      command: text(entry.command ?? "", "command"),
      args: (entry.args ?? []).map((arg, index) => text(String(arg), "args", index)),
      env: redact({ ...Result.getOrElse(file, () => ({})), ...entry.env }),
      cwd: entry.cwd === undefined ? undefined : text(environment.path(entry.cwd), "cwd")
    }
  }
  const url = entry.url ?? ""
  if (!isHttpUrl(url)) fail(["url"], "must be an absolute URL with http:// or https://")
  for (const [name, value] of Object.entries(entry.headers ?? {})) {
    if (!HEADER_NAME.test(name)) fail(["headers", name], "is not a name that HTTP allows for a header")
    else if (!HEADER_VALUE.test(value)) fail(["headers", name], "holds characters that HTTP does not allow in a header")
  }
  return { _tag: kind === "sse" ? "Sse" : "Http", url: text(url, "url"), headers: redact(entry.headers) }
}

/** Our keys that take an object with keys of its own. */
const NESTED = { restart: Restart, breaker: Breaker }

const unknownNestedKeys = (entry: Readonly<Record<string, unknown>>): ReadonlyArray<readonly [Path, string]> =>
  Object.entries(NESTED).flatMap(([key, { fields }]) => {
    const value = entry[key]
    const keys = Predicate.isReadonlyObject(value) ? Object.keys(value) : []
    return keys
      .filter((inner) => !Object.hasOwn(fields, inner))
      .map((inner) => [[key, inner], unknownKey(inner, Object.keys(fields))] as const)
  })

/** Resolves the entry at `base`. A disabled one is not looked into, so its variables may be missing. */
export const resolveServer = (
  base: readonly [root: string, name: string],
  raw: unknown,
  environment: Environment,
  lineOf: JsonDocument["lineOf"]
): ResolvedServer => {
  const at = (path: Path, message: string): Problem => ({
    path: dotted([...base, ...path]),
    message,
    line: lineOf([...base, ...path])
  })
  const nothing: ResolvedServer = { server: undefined, problems: [], serverProblems: [], unknownKeys: [], notes: [] }
  if (base[1].trim() === "") return { ...nothing, problems: [at([], "a server's name must not be empty")] }
  if (!Predicate.isReadonlyObject(raw)) return { ...nothing, problems: [at([], "expected an object")] }

  const translated = translate(raw)
  const remarks = {
    unknownKeys: [
      ...translated.unknown.map((key) => at([key], unknownKey(key, Object.keys(KNOWN_KEYS)))),
      ...unknownNestedKeys(translated.entry).map(([path, message]) => at(path, message))
    ],
    notes: translated.notes.map(({ key, note }) => at([key], `has no effect: ${note}`))
  }
  if (translated.entry["disabled"] === true) return { ...nothing, ...remarks }

  /** A complaint about a path in our spelling, placed where the file has it. */
  const complain = ([path, message]: readonly [Path, string]): Problem => {
    const [key, ...rest] = path
    return at(key === undefined ? [] : [translated.spelling[String(key)] ?? key, ...rest], message)
  }
  const found: Expansions = { redacted: new Set(), missing: [] }
  const decoded = decode(withoutEmpty(expandAll(translated.entry, [], environment.variable, found)))
  // A value with a missing variable is this server's trouble, whatever else is wrong with it.
  const isMissing = (path: Path): boolean => found.missing.some(([missing]) => dotted(missing) === dotted(path))
  const issues = Result.isFailure(decoded) ? issuesOf(decoded.failure).filter(([path]) => !isMissing(path)) : []
  if (issues.length > 0) return { ...nothing, ...remarks, problems: issues.map(complain) }

  const entry = Result.getOrElse(decoded, (): ServerEntry => ({}))
  const kind = kindOf(entry)
  const isClear = Result.isSuccess(decoded) && !found.missing.some(([[key]]) => REACH.has(key))
  const contradicted = isClear ? contradiction(entry, kind) : undefined
  if (contradicted !== undefined) return { ...nothing, ...remarks, problems: [complain(contradicted)] }

  const unfit = unfitDurations(entry)
  if (unfit.length > 0) return { ...nothing, ...remarks, problems: unfit.map(complain) }

  const serverProblems = found.missing.map(complain)
  const transport = transportOf(entry, kind, found, environment, (path, message) => {
    const isKnown = found.missing.some(([missing]) => missing[0] === path[0]) || (!isClear && REACH.has(path[0]))
    if (!isKnown) serverProblems.push(complain([path, message]))
  })
  const reason = serverProblems.map(({ message, path }) => `${path}: ${message}`).join("; ")
  const texts = (key: "enabledTools" | "disabledTools") =>
    entry[key]?.map((value, index) => textAt(found, value, [key, index]))
  return {
    server: makeServer({
      id: ServerId.make(base[1]),
      transport: reason === "" ? transport : { _tag: "Unusable", reason },
      era: kind === "sse" ? "legacy" : (entry.era ?? "auto"),
      isolation: entry.isolation ?? (kind === "stdio" ? "shared" : "session"),
      enabledTools: texts("enabledTools"),
      disabledTools: texts("disabledTools"),
      callTimeout: optionalDuration(entry.callTimeout),
      maxCallTime: optionalDuration(entry.maxCallTime),
      startTimeout: optionalDuration(entry.startTimeout),
      ping: typeof entry.ping === "string" ? duration(entry.ping) : entry.ping === false ? false : undefined,
      pingTimeout: optionalDuration(entry.pingTimeout),
      breaker: breakerOf(entry),
      retryIdempotent: entry.retryIdempotent,
      calls: {
        concurrent: entry.maxConcurrentCalls ?? DEFAULT_CALLS.concurrent,
        queued: entry.maxQueuedCalls ?? DEFAULT_CALLS.queued
      },
      restart: restartOf(entry),
      reload: entry.reload ?? (kind === "stdio" ? "replace" : "overlap"),
      description: entry.description === undefined ? undefined : textAt(found, entry.description, ["description"])
    }),
    problems: [],
    serverProblems,
    ...remarks,
    notes:
      kind === "sse" && entry.era === "modern"
        ? [...remarks.notes, at(["era"], "has no effect: a server over HTTP+SSE is always legacy")]
        : remarks.notes
  }
}
