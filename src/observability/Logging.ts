/** What the log looks like, and which lines of it are written. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Setting from "../settings/Setting.ts"
import type { Values } from "../settings/Settings.ts"
import { CurrentSpan, type Span } from "./Tracing.ts"

/** The named loggers, one per room that speaks, and `server` for what upstream servers themselves print. */
export const LOGGERS = [
  "main",
  "config",
  "storage",
  "upstream",
  "server",
  "fleet",
  "gateway",
  "access",
  "auth",
  "http"
] as const
export type LoggerName = (typeof LOGGERS)[number]

/** Logger names of the Python proxy, and which of ours say the same. */
const ALIASES: ReadonlyMap<string, ReadonlyArray<LoggerName>> = new Map([
  ["fastmcp", ["gateway", "fleet", "upstream", "auth"]],
  ["fastmcp.server.auth", ["auth"]],
  ["httpx", ["upstream", "auth"]],
  ["proxy_server", ["main", "config"]],
  ["uvicorn", ["http"]]
] as const)

const LEVELS: ReadonlyMap<string, LogLevel.LogLevel> = new Map(
  Object.entries({
    all: "All",
    trace: "Trace",
    debug: "Debug",
    info: "Info",
    warn: "Warn",
    warning: "Warn",
    error: "Error",
    critical: "Fatal",
    fatal: "Fatal",
    none: "None",
    off: "None"
  } as const)
)

const LEVEL_NAMES = "ALL, TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL or NONE"

const decodeLevel = (value: string): Result.Result<LogLevel.LogLevel, string> => {
  const level = LEVELS.get(value.toLowerCase())
  return level === undefined ? Result.fail(LEVEL_NAMES) : Result.succeed(level)
}

type Levels = ReadonlyMap<string, LogLevel.LogLevel>

const decodeLevels = (value: string): Result.Result<Levels, string> => {
  const levels = new Map<string, LogLevel.LogLevel>()
  for (const item of value.split(",").filter((part) => part.trim() !== "")) {
    const [name = "", word = ""] = item.split(":").map((part) => part.trim())
    const targets = ALIASES.get(name) ?? LOGGERS.filter((logger) => logger === name)
    const level = LEVELS.get(word.toLowerCase())
    if (targets.length === 0 || level === undefined) {
      return Result.fail(
        `name:LEVEL pairs with names of ${[...LOGGERS, ...ALIASES.keys()].join(", ")} and levels ${LEVEL_NAMES}`
      )
    }
    for (const target of targets) levels.set(target, level)
  }
  return Result.succeed(levels)
}

export const settings = {
  level: Setting.custom<LogLevel.LogLevel>({
    name: "MCP_LOG_LEVEL",
    description: `The least severe lines to log: ${LEVEL_NAMES}.`,
    fallback: "INFO",
    absent: "Info",
    decode: decodeLevel
  }),
  levels: Setting.custom<Levels>({
    name: "MCP_LOG_LEVELS",
    description: `Levels of single loggers, as name:LEVEL,… (loggers: ${LOGGERS.join(", ")}).`,
    fallback: "",
    absent: new Map(),
    decode: decodeLevels
  }),
  format: Setting.choice({
    name: "MCP_LOG_FORMAT",
    description: "pretty or json; unset: pretty on a terminal, json otherwise.",
    fallback: "",
    choices: ["pretty", "json"]
  })
}

/** Where the log goes. */
export interface Sink {
  readonly write: (line: string) => void
  readonly isTerminal: boolean
}

/** Loggers of one room: the message, and fields that a machine may filter by. */
export const logger = (name: LoggerName) => {
  const at =
    (level: LogLevel.Severity) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}, cause?: Cause.Cause<unknown>) =>
      Effect.logWithLevel(level)(message, ...(cause === undefined ? [] : [cause])).pipe(
        Effect.annotateLogs({ ...fields, logger: name })
      )
  return { debug: at("Debug"), info: at("Info"), warning: at("Warn"), error: at("Error"), critical: at("Fatal") }
}

const render = (message: unknown): string => {
  const parts = Array.isArray(message) ? message : [message]
  return parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part))).join(" ")
}

const WORD: Readonly<Record<string, string>> = { Warn: "WARNING", Fatal: "CRITICAL" }

const COLOURS: Readonly<Record<string, number>> = { Debug: 90, Info: 32, Warn: 33, Error: 31, Fatal: 31 }

const paint = (text: string, colour: number | undefined, enabled: boolean): string =>
  enabled && colour !== undefined ? `\u001b[${colour}m${text}\u001b[0m` : text

/**
 * Control characters could rewrite the terminal's screen, and a line feed could fake a line of the log: the former are
 * shown, not obeyed, and what follows the latter is indented.
 */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu

const printable = (text: string): string =>
  text.replace(CONTROL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`).replace(/\n/gu, "\n             ")

/** Is a line to be written, as the levels of the loggers go? */
export const isWanted = (
  { level, levels }: Pick<Values<typeof settings>, "level" | "levels">,
  { fiber, logLevel }: Pick<Logger.Options<unknown>, "fiber" | "logLevel">
): boolean => {
  const { logger: name = "main" } = fiber.getRef(References.CurrentLogAnnotations)
  return LogLevel.isGreaterThanOrEqualTo(logLevel, levels.get(String(name)) ?? level)
}

/** The names by which lines are found that belong to a trace (OpenTelemetry, "Trace Context in non-OTLP Log Formats"). */
const traceOf = (span: Span | undefined): object =>
  span === undefined ? {} : { trace_id: span.context.traceId, span_id: span.context.spanId }

const makeLogger = (values: Values<typeof settings>, format: "pretty" | "json", sink: Sink) =>
  Logger.make<unknown, void>((line) => {
    if (!isWanted(values, line)) return
    const { cause, date, fiber, logLevel, message } = line
    const { logger: name = "main", ...fields } = fiber.getRef(References.CurrentLogAnnotations)
    const text = render(message)
    const trace = Cause.isCause(cause) && cause.reasons.length > 0 ? Cause.pretty(cause) : undefined
    const level = WORD[logLevel] ?? logLevel.toUpperCase()
    if (format === "json") {
      const ids = traceOf(fiber.getRef(CurrentSpan))
      sink.write(
        JSON.stringify({
          time: date.toISOString(),
          level,
          logger: name,
          message: text,
          ...fields,
          ...ids,
          cause: trace
        })
      )
      return
    }
    const time = date.toISOString().slice(11, 23)
    const head = `${paint(time, 90, sink.isTerminal)} ${paint(level.padEnd(7), COLOURS[logLevel], sink.isTerminal)}`
    const extra = Object.entries(fields).map(
      ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
    )
    const tail = extra.length === 0 ? "" : ` ${paint(printable(extra.join(" ")), 90, sink.isTerminal)}`
    sink.write(
      `${head} ${paint(String(name).padEnd(8), 36, sink.isTerminal)} ${printable(text)}${tail}${trace === undefined ? "" : `\n${printable(trace)}`}`
    )
  })

/** Logging as the settings ask for it. */
export const layer = (values: Values<typeof settings>, sink: Sink): Layer.Layer<never> => {
  const format = Option.getOrElse(values.format, () => (sink.isTerminal ? "pretty" : "json"))
  const all = [values.level, ...values.levels.values()]
  const most = all.reduce((a, b) => (LogLevel.isGreaterThan(a, b) ? b : a))
  return Layer.mergeAll(
    Logger.layer([makeLogger(values, format, sink)]),
    Layer.succeed(References.MinimumLogLevel, most)
  )
}
