/** Asks the proxy of a run what it holds. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type Socket } from "node:net"
import { createInterface } from "node:readline"

/** What a process holds once garbage has been collected, in bytes. */
export interface Memory {
  /** V8's objects without compiled code, and what they have outside of its heap: buffers for the most part. */
  readonly heap: number
  readonly external: number
  readonly resident: number
}

/** What else a process holds. */
export interface Census {
  readonly timers: number
  /** Listeners of the process's own events. */
  readonly listeners: number
  /** What its event loop has to do with: sockets, pipes, processes, timers that keep it alive, requests under way. */
  readonly resources: number
}

export interface Channel {
  /** Its end, for the proxy's environment. */
  readonly env: Readonly<Record<string, string>>
  readonly memory: Effect.Effect<Memory>
  readonly census: Effect.Effect<Census>
  readonly snapshot: (file: string) => Effect.Effect<unknown>
}

/** Listens at a path, for one proxy. */
export const open = (path: string): Effect.Effect<Channel, never, Scope.Scope> =>
  Effect.gen(function* () {
    const connected = Deferred.makeUnsafe<Socket>()
    let answered: ((line: string) => void) | undefined
    yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer((socket) => {
          createInterface({ input: socket }).on("line", (line) => answered?.(line))
          Deferred.doneUnsafe(connected, Effect.succeed(socket.on("error", () => {})))
        })
        server.listen(path, () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    )
    const ask = (command: string): Effect.Effect<unknown> =>
      Effect.flatMap(Deferred.await(connected), (socket) =>
        Effect.callback<unknown>((resume) => {
          answered = (line) => resume(Effect.succeed(JSON.parse(line)))
          socket.write(`${command}\n`)
        })
      ).pipe(
        Effect.timeoutOrElse({
          duration: "2 minutes",
          orElse: () => Effect.die(new Error(`the proxy does not answer to ${command}`))
        })
      )
    return {
      env: { LEAK_CHANNEL: path },
      memory: ask("memory") as Effect.Effect<Memory>,
      census: ask("census") as Effect.Effect<Census>,
      snapshot: (file) => ask(`snapshot ${file}`)
    }
  })
