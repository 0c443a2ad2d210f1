/** What the log looks like, and which lines of it are written. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Logging from "../../src/observability/Logging.ts"
import * as Tracing from "../../src/observability/Tracing.ts"

const { format, level, levels } = Logging.settings

interface Options {
  readonly level?: LogLevel.LogLevel
  readonly levels?: string
  readonly format?: "pretty" | "json"
  readonly isTerminal?: boolean
}

/** The lines that an effect's logging writes. */
const written = (effect: Effect.Effect<void>, options: Options = {}) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const values = {
      level: options.level ?? "Info",
      levels: Result.getOrThrow(levels.decode(options.levels ?? "")),
      format: Option.fromUndefinedOr(options.format)
    }
    const sink = { write: (line: string) => void lines.push(line), isTerminal: options.isTerminal ?? false }
    return Effect.as(Effect.provide(effect, Logging.layer(values, sink)), lines)
  })

const http = Logging.logger("http")
const fleet = Logging.logger("fleet")

const all = Effect.gen(function* () {
  yield* http.debug("http debug")
  yield* http.info("http info")
  yield* http.warning("http warning")
  yield* http.error("http error")
  yield* fleet.debug("fleet debug")
  yield* fleet.info("fleet info")
})

const texts = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.map((line) => (JSON.parse(line) as { readonly message: string }).message)

describe("which lines are written", () => {
  it.effect("those as severe as the level, or more", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(texts(yield* written(all)), ["http info", "http warning", "http error", "fleet info"])
      assert.deepStrictEqual(texts(yield* written(all, { level: "Warn" })), ["http warning", "http error"])
      assert.deepStrictEqual(texts(yield* written(all, { level: "None" })), [])
    })
  )

  it.effect("a logger may have a level of its own, lower or higher than the rest", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(texts(yield* written(all, { level: "Warn", levels: "fleet:DEBUG" })), [
        "http warning",
        "http error",
        "fleet debug",
        "fleet info"
      ])
      assert.deepStrictEqual(texts(yield* written(all, { level: "Debug", levels: "http:ERROR" })), [
        "http error",
        "fleet debug",
        "fleet info"
      ])
      assert.deepStrictEqual(texts(yield* written(all, { level: "None", levels: "fleet:INFO" })), ["fleet info"])
    })
  )
})

describe("levels", () => {
  it.each([
    ["info", "Info"],
    ["WARNING", "Warn"],
    ["Warn", "Warn"],
    ["CRITICAL", "Fatal"],
    ["off", "None"],
    ["NONE", "None"],
    ["all", "All"],
    ["TRACE", "Trace"]
  ])("%s is %s", (text, expected) => {
    assert.strictEqual(Result.getOrThrow(level.decode(text)), expected)
  })

  it("single loggers are named with theirs, also by the names that the predecessor gave them", () => {
    const decoded = Result.getOrThrow(levels.decode(" http:debug, fastmcp:ERROR ,proxy_server:WARN,"))
    assert.deepStrictEqual(
      [...decoded],
      [
        ["http", "Debug"],
        ["gateway", "Error"],
        ["fleet", "Error"],
        ["upstream", "Error"],
        ["auth", "Error"],
        ["main", "Warn"],
        ["config", "Warn"]
      ]
    )
  })

  it("what the predecessor's documentation sets to see sign-in shows sign-in", () => {
    assert.strictEqual(Result.getOrThrow(levels.decode("fastmcp:DEBUG,httpx:DEBUG")).get("auth"), "Debug")
    assert.strictEqual(Result.getOrThrow(levels.decode("httpx:DEBUG")).get("auth"), "Debug")
  })

  it.each(["http", "http:", "http:LOUD", "nobody:INFO", ":INFO", "http=INFO"])("%s is refused", (text) => {
    assert.isTrue(Result.isFailure(levels.decode(text)))
  })
})

describe("a line in JSON", () => {
  it.effect("is one object on one line: time, level, logger, message and fields", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* written(http.warning("two\nlines \u001b[31m", { server: "fs", count: 2 }))
      assert.notInclude(line, "\n")
      assert.deepStrictEqual(JSON.parse(line), {
        time: "1970-01-01T00:00:00.000Z",
        level: "WARNING",
        logger: "http",
        message: "two\nlines \u001b[31m",
        server: "fs",
        count: 2
      })
    })
  )

  it.effect("names its cause", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* written(http.error("failed", {}, Cause.die(new Error("the reason"))))
      assert.include((JSON.parse(line) as { cause: string }).cause, "the reason")
    })
  )

  it.effect("of somebody else's is main's", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* written(Effect.logInfo("text", { a: 1 }))
      assert.deepInclude(JSON.parse(line), { logger: "main", message: 'text {"a":1}' })
    })
  )

  it.effect("is what a program reads; on a terminal a person reads", () =>
    Effect.gen(function* () {
      const [forProgram = ""] = yield* written(http.info("x"))
      assert.isTrue(forProgram.startsWith("{"))
      const [forPerson = ""] = yield* written(http.info("x"), { isTerminal: true })
      assert.isFalse(forPerson.startsWith("{"))
      const [asAsked = ""] = yield* written(http.info("x"), { isTerminal: true, format: "json" })
      assert.isTrue(asAsked.startsWith("{"))
    })
  )
})

describe("a line for people", () => {
  it.effect("has time, level, logger, text and fields, coloured on a terminal only", () =>
    Effect.gen(function* () {
      const [line] = yield* written(http.info("text", { server: "fs", n: 1 }), { format: "pretty" })
      assert.strictEqual(line, "00:00:00.000 INFO    http     text server=fs n=1")
      const [coloured = ""] = yield* written(http.info("text"), { format: "pretty", isTerminal: true })
      assert.include(coloured, "\u001b[32mINFO   \u001b[0m")
    })
  )

  it.effect("cannot be forged, and cannot rewrite the terminal: control characters are shown, lines indented", () =>
    Effect.gen(function* () {
      const hostile = "a\r\u001b[2J\u0007\u009b\u007f\n00:00:00.000 ERROR   http     forged"
      const [line = ""] = yield* written(http.info(hostile, { field: "b\n\u001b[0m" }), { format: "pretty" })
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(line, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u)
      assert.include(line, "a\\x0d\\x1b[2J\\x07\\x9b\\x7f\n")
      for (const next of line.split("\n").slice(1)) assert.isTrue(next.startsWith("   "), JSON.stringify(next))
    })
  )

  it.effect("is followed by its cause", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* written(http.error("failed", {}, Cause.die(new Error("the reason"))), {
        format: "pretty"
      })
      assert.include(line, "failed\n")
      assert.include(line, "the reason")
    })
  )
})

describe("the format", () => {
  it("is pretty or json", () => {
    assert.deepStrictEqual(Result.getOrThrow(format.decode("JSON")), Option.some("json"))
    assert.isTrue(Result.isFailure(format.decode("text")))
  })
})

describe("lines of a call that is traced", () => {
  it.effect("name the trace and the span in JSON, and only those do", () =>
    Effect.gen(function* () {
      const tracer = yield* Tracing.make(
        () => true,
        () => {}
      )
      const span = new Tracing.Span(tracer, "x", "server", undefined)
      const lines = yield* written(
        Effect.andThen(
          Effect.provideService(http.info("within", { server: "a" }), Tracing.CurrentSpan, span),
          http.info("without")
        ),
        { format: "json" }
      )
      const [within, without] = lines.map((line) => JSON.parse(line) as object)
      assert.deepInclude(within, { server: "a", trace_id: span.context.traceId, span_id: span.context.spanId })
      assert.notProperty(without, "trace_id")
    })
  )
})
