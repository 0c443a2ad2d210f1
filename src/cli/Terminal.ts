/** Standard output and error: results on the one, logs on the other. */
import type { Sink } from "../observability/Logging.ts"

const sink = (stream: NodeJS.WriteStream): Sink => ({
  write: (line) => {
    stream.write(`${line}\n`)
  },
  isTerminal: stream.isTTY === true
})

/** Where `serve` logs. */
export const stdout: Sink = sink(process.stdout)

/** Where every other command logs. */
export const stderr: Sink = sink(process.stderr)

/** From now on, whoever reads our output may stop reading, as `head` does: the rest is for nobody, and no error. */
export const mayBeClosed = (): void => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error
    })
  }
}
