/** Servers that are processes to everybody but the platform: each start runs a program of the test's, which speaks by lines. */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PlatformError from "effect/PlatformError"
import * as Redacted from "effect/Redacted"
import * as Queue from "effect/Queue"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { ChildProcessSpawner, ExitCode, make, makeHandle, ProcessId } from "effect/process/ChildProcessSpawner"
import { LineSplitter } from "../../src/domain/Lines.ts"

export interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: unknown
  readonly error?: unknown
}

export interface MemoryProcess {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, unknown>>
  readonly pid: number
  readonly isRunning: () => boolean
  readonly say: (message: object) => void
  /** It ends; what it said before is still heard. */
  readonly exit: (code: number) => void
}

/** What a process does: called when it starts, gives what it does with each message, and what at the end of its input. */
export type Program = (self: MemoryProcess) => {
  readonly heard: (message: Message) => void
  /** By default it exits with 0. */
  readonly inputEnded?: () => void
}

/** A server with these tools, which answers each call with its name, its arguments and the process that did it. */
export const server =
  (
    tools: ReadonlyArray<string>,
    more: {
      /** Takes a call instead; true if it has been seen to. */
      readonly call?: (self: MemoryProcess, message: Message) => boolean
      readonly capabilities?: object
    } = {}
  ): Program =>
  (self) => ({
    heard: (message) => {
      const answer = (result: object) => self.say({ jsonrpc: "2.0", id: message.id, result })
      switch (message.method) {
        case "initialize":
          return answer({
            protocolVersion: message.params?.["protocolVersion"],
            capabilities: { tools: { listChanged: true }, ...more.capabilities },
            serverInfo: { name: self.command, version: "1" }
          })
        case "tools/list":
          return answer({ tools: tools.map((name) => ({ name, inputSchema: { type: "object" } })) })
        case "tools/call":
          if (more.call?.(self, message) === true) return
          return answer({ content: [{ type: "text", text: JSON.stringify({ pid: self.pid, ...message.params }) }] })
        case "server/discover":
          return self.say({ jsonrpc: "2.0", id: message.id, error: { code: -32601, message: "Method not found" } })
        default:
          if (message.method !== undefined && message.id !== undefined) answer({})
      }
    }
  })

/** Programs by the command that starts them. One that is `missing` cannot be started. */
export const memoryProcesses = (
  programs: Readonly<Record<string, Program>>,
  missing: (command: string) => boolean = () => false
) => {
  const all: Array<MemoryProcess> = []
  let lastPid = 1000

  const spawn = Effect.fnUntraced(function* (command: string, args: ReadonlyArray<string>, env: object) {
    if (missing(command)) {
      return yield* PlatformError.systemError({ _tag: "NotFound", module: "ChildProcess", method: "spawn" })
    }
    const program = programs[command]
    const stdout = yield* Queue.unbounded<Uint8Array, Cause.Done>()
    const exited = yield* Deferred.make<number>()
    let running = true
    const self: MemoryProcess = {
      command,
      args,
      env: Object.fromEntries(
        Object.entries(env).map(([name, value]) => [name, Redacted.isRedacted(value) ? Redacted.value(value) : value])
      ),
      pid: ++lastPid,
      isRunning: () => running,
      say: (message) => {
        if (running) Queue.offerUnsafe(stdout, Buffer.from(`${JSON.stringify(message)}\n`))
      },
      exit: (code) => {
        if (!running) return
        running = false
        Queue.endUnsafe(stdout)
        Deferred.doneUnsafe(exited, Effect.succeed(code))
      }
    }
    all.push(self)
    const { heard, inputEnded = () => self.exit(0) } = program?.(self) ?? { heard: () => {} }
    const splitter = new LineSplitter(1 << 24)
    const take = (chunk: Uint8Array): void =>
      splitter.feed(chunk, (line) => {
        if (running && line._tag === "Line") heard(JSON.parse(Buffer.from(line.bytes).toString()) as Message)
      })
    yield* Effect.addFinalizer(() => Effect.sync(() => self.exit(143)))
    return makeHandle({
      pid: ProcessId(self.pid),
      exitCode: Effect.map(Deferred.await(exited), ExitCode),
      isRunning: Effect.sync(() => running),
      kill: () => Effect.sync(() => self.exit(143)),
      stdin: Sink.forEach((chunk: Uint8Array) => Effect.sync(() => take(chunk))).pipe(
        Sink.ensuring(Effect.sync(() => running && inputEnded()))
      ),
      stdout: Stream.fromQueue(stdout),
      stderr: Stream.empty,
      all: Stream.empty,
      getInputFd: () => Sink.drain,
      getOutputFd: () => Stream.empty,
      unref: Effect.succeed(Effect.void)
    })
  })

  return {
    layer: Layer.succeed(
      ChildProcessSpawner,
      make((command) =>
        command._tag === "StandardCommand"
          ? spawn(String(command.command), command.args.map(String), command.options.env ?? {})
          : Effect.die(new Error("only plain commands are started"))
      )
    ),
    /** All that were ever started, in order. */
    all: all as ReadonlyArray<MemoryProcess>,
    running: () => all.filter((one) => one.isRunning())
  }
}
