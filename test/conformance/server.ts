/** A server of our own in a process of its own, that says where it listens. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"

/** Starts the script on a free port; the URL that it prints. It is ended when the scope closes. */
export const startServer = Effect.fnUntraced(function* (script: string) {
  const url = Deferred.makeUnsafe<string>()
  const ended = Deferred.makeUnsafe<void>()
  let output = ""
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [script, "0"], { stdio: ["ignore", "pipe", "inherit"] })
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString()
        const found = /^listening on (\S+)$/mu.exec(output)?.[1]
        if (found !== undefined) Deferred.doneUnsafe(url, Effect.succeed(found))
      })
      child.on("close", (code, signal) => {
        Deferred.doneUnsafe(url, Effect.die(new Error(`${script} ended (${signal ?? code}): ${output}`)))
        Deferred.doneUnsafe(ended, Effect.void)
      })
      return child
    }),
    (child) =>
      Effect.gen(function* () {
        child.kill("SIGTERM")
        const inTime = yield* Effect.timeoutOption(Deferred.await(ended), "5 seconds")
        if (inTime._tag === "Some") return
        child.kill("SIGKILL")
        return yield* Effect.die(new Error(`${script} does not end on SIGTERM`))
      })
  )
  return yield* Effect.timeout(Deferred.await(url), "20 seconds")
})
