/** Standard output and error: results on the one, logs on the other. */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type { Sink } from "../observability/Logging.ts"

const sink = (stream: NodeJS.WriteStream): Sink => ({
  write: (line) => {
    stream.write(`${line}\n`)
  },
  isTerminal: stream.isTTY === true
})

/** Standard output cannot be written. */
export class OutputFailed extends Schema.TaggedError<OutputFailed>()("OutputFailed", { reason: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
  override get message(): string {
    return `The result cannot be written: ${this.reason}`
  }
}

/**
 * Writes lines to standard output as fast as it takes them. If whoever reads them goes away (`| head`), that is the end of
 * it and no error.
 */
export const writeLines = (lines: Iterable<string>): Effect.Effect<void, OutputFailed> =>
  Effect.callback((resume) => {
    const { stdout } = process
    const left = lines[Symbol.iterator]()
    const end = (): void => {
      stdout.off("drain", go)
      resume(Effect.void)
    }
    const go = (): void => {
      for (let next = left.next(); next.done !== true; next = left.next()) {
        if (!stdout.writable) return end()
        if (!stdout.write(`${next.value}\n`)) return void stdout.once("drain", go)
      }
      stdout.write("", end)
    }
    // Stays: the last writes may fail after we are done.
    stdout.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") end()
      else resume(Effect.fail(new OutputFailed({ reason: error.message })))
    })
    go()
  })

/** Where `serve` logs. */
export const stdout: Sink = sink(process.stdout)

/** Where every other command logs. */
export const stderr: Sink = sink(process.stderr)
