/** A server that is a child process: one JSON-RPC message per line on its standard input and output. */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { type Line, LineSplitter } from "../domain/Lines.ts"
import { display, reveal, type ServerConfig, type Stdio } from "../domain/ServerConfig.ts"
import { logger } from "../observability/Logging.ts"
import * as Attached from "./Attached.ts"
import { inherited } from "./ChildEnvironment.ts"
import { Reaper } from "./Reaper.ts"
import {
  ConnectionLost,
  MAX_MESSAGE,
  MessageRefused,
  type Open,
  type Receiver,
  type Transport,
  type TransportError
} from "./Transport.ts"

const serverLog = logger("server")

/** Each step of stopping a server: input closed, then SIGTERM to its group, then SIGKILL. */
const PATIENCE = "2 seconds"

const MAX_STDERR_LINE = 8 * 1024
const MAX_LAST_WORDS = 300
const LINE_FEED = new Uint8Array([0x0a])

/** The id at one end of an answer that was too long to be held: its place in what all known servers write. */
const ID_AT_HEAD = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*,/u
const ID_AT_TAIL = /,\s*"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/u

const receiveLine = (receiver: Receiver, line: Line): void => {
  if (line._tag === "Line") {
    receiver.message(line.bytes, undefined)
    return
  }
  const id = ID_AT_HEAD.exec(Buffer.from(line.head).toString()) ?? ID_AT_TAIL.exec(Buffer.from(line.tail).toString())
  const reason = `a message of ${line.length} bytes is larger than the limit of ${MAX_MESSAGE}`
  receiver.junk(reason)
  if (id !== null) receiver.failed(Number(id[1]), new MessageRefused({ reason, answered: true }))
}

const startError = (reason: string): ConnectionLost =>
  new ConnectionLost({ reason, unsent: true, ending: "unreachable" })

const NOTHING = Buffer.alloc(0)

/** What the platform says of a command that cannot be started, without the command's arguments. */
const explain = (tag: string, command: string): string =>
  tag === "NotFound"
    ? `command not found: ${command} (or its working directory does not exist)`
    : tag === "PermissionDenied"
      ? `not permitted to run ${command}`
      : `cannot start ${command}`

const describeEnd = (exit: Option.Option<Exit.Exit<number, unknown>>, lastWords: string): string => {
  const end = Option.isNone(exit)
    ? "it closed its standard output"
    : Exit.isSuccess(exit.value)
      ? `it exited with code ${exit.value.value}`
      : "it was ended by a signal"
  return lastWords === "" ? end : `${end}; its last words: ${lastWords}`
}

/** Opens a process. Closing: its input ends, two seconds later its group gets SIGTERM, and two seconds later SIGKILL. */
export const open =
  (config: ServerConfig, stdio: Stdio): Open<ChildProcessSpawner | Reaper> =>
  (receiver) =>
    Effect.gen(function* () {
      const spawner = yield* ChildProcessSpawner
      const reaper = yield* Reaper
      const command = reveal(stdio.command)
      const env = { ...(yield* inherited), ...stdio.env }
      const child = yield* spawner
        .spawn(
          ChildProcess.make(command, stdio.args, {
            env,
            forceKillAfter: PATIENCE,
            ...(stdio.cwd === undefined ? {} : { cwd: reveal(stdio.cwd) })
          })
        )
        .pipe(Effect.mapError((error) => startError(explain(error.reason._tag, display(stdio.command)))))
      yield* reaper.guard(child.pid)

      /** Requests by their ids, all else as it is. */
      const outbox = yield* Queue.unbounded<Uint8Array | number, Cause.Done>()
      /** The requests that the process cannot have seen yet. */
      const unwritten = new Map<number, Uint8Array>()
      let queued = 0
      const takeOut = (request: number): Uint8Array | undefined => {
        const message = unwritten.get(request)
        unwritten.delete(request)
        if (message !== undefined) queued -= message.length
        return message
      }
      /** The next line. A request that nobody waits for any more has none. */
      const lineOf = (entry: Uint8Array | number): Uint8Array => {
        const message = typeof entry === "number" ? takeOut(entry) : entry
        if (message === undefined) return NOTHING
        if (message === entry) queued -= message.length
        // One write for a message and its end: a second one would cost as much as the first.
        return Buffer.concat([message, LINE_FEED])
      }
      const lost = yield* Deferred.make<never, ConnectionLost>()
      const lose = (why: ConnectionLost) => Deferred.fail(lost, why)
      const loseFor = (reason: string) => lose(new ConnectionLost({ reason, unsent: false }))

      let lastWords = ""

      const splitter = new LineSplitter(MAX_MESSAGE)
      const emit = (line: Line): void => receiveLine(receiver, line)
      const drain = Stream.runForEach(child.stdout, (chunk) => Effect.sync(() => splitter.feed(chunk, emit)))
      const drained = yield* Effect.forkScoped(Attached.guard(Effect.ignore(drain), lose))
      const exited = Effect.exit(child.exitCode)
      // Whichever end comes first, the other has a second: for what was still in the pipe, or for the exit code.
      const ended = Effect.raceFirst(
        Effect.andThen(Fiber.join(drained), Effect.timeoutOption(exited, "1 second")),
        Effect.tap(Effect.asSome(exited), () => Effect.timeoutOption(Fiber.join(drained), "1 second"))
      )
      yield* Attached.fork(
        Effect.flatMap(ended, (exit) => loseFor(describeEnd(exit, lastWords))),
        lose
      )
      const errors = new LineSplitter(MAX_STDERR_LINE)
      const listen = Stream.runForEach(child.stderr, (chunk) => {
        const lines: Array<string> = []
        errors.feed(chunk, (line) => {
          const bytes = line._tag === "Line" ? line.bytes : line.head
          const text = Buffer.from(bytes).toString() + (line._tag === "Line" ? "" : " …")
          lines.push(text)
          if (text.trim() !== "") lastWords = text.trim().slice(0, MAX_LAST_WORDS)
        })
        return Effect.forEach(lines, (line) => serverLog.info(line, { server: config.id }), { discard: true })
      })
      yield* Attached.fork(Effect.ignore(listen), lose)
      const write = Stream.fromQueue(outbox).pipe(
        // One at a time: the next is taken out when there is room for it in the pipe.
        Stream.mapEffect((entry) => Effect.sync(() => lineOf(entry))),
        Stream.run(child.stdin),
        // A process that ends is first seen here as often as not; its end says more.
        Effect.catch(() =>
          Effect.andThen(
            Effect.timeoutOption(Effect.exit(Deferred.await(lost)), "1 second"),
            loseFor("it closed its standard input")
          )
        )
      )
      yield* Attached.fork(write, lose)
      // Registered last, so it runs first: a server that ends by itself needs no signal.
      yield* Effect.addFinalizer(() =>
        Queue.end(outbox).pipe(Effect.andThen(Effect.exit(child.exitCode)), Effect.timeout(PATIENCE), Effect.ignore)
      )

      const transport: Transport = {
        forgettingCancels: false,
        send: (message, request) =>
          Effect.suspend((): Effect.Effect<void, TransportError> => {
            if (queued + message.length > MAX_MESSAGE) {
              return Effect.fail(
                new MessageRefused({ reason: "it does not read its input; too much is waiting for it" })
              )
            }
            queued += message.length
            if (request !== undefined) unwritten.set(request, message)
            return Queue.offerUnsafe(outbox, request ?? message)
              ? Effect.void
              : Effect.fail(new ConnectionLost({ reason: "it has been stopped", unsent: true, ending: "closed" }))
          }),
        forget: (request) => Effect.sync(() => void takeOut(request)),
        unsent: (request) => unwritten.has(request),
        agreed: () => Effect.void,
        lost: Deferred.await(lost)
      }
      return transport
    })
