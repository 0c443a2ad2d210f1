/** A server that is a child process: one JSON-RPC message per line on its standard input and output. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { Holding } from "../domain/ByteBudget.ts"
import * as Pieces from "../domain/Pieces.ts"
import { type Line, LineSplitter } from "../domain/Lines.ts"
import { display, reveal, type ServerConfig, type Stdio } from "../domain/ServerConfig.ts"
import { TransientMap } from "../domain/TransientMap.ts"
import { logger } from "../observability/Logging.ts"
import * as Attached from "./Attached.ts"
import * as Bounds from "./Bounds.ts"
import { inherited } from "./ChildEnvironment.ts"
import { Reaper } from "./Reaper.ts"
import {
  AnswerRefused,
  ConnectionLost,
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

/** How much is written at once of messages that are smaller than that. */
const MAX_BATCH = 64 * 1024
const LINE_FEED = new Uint8Array([0x0a])

/** How much may wait for a server that does not read its input, beside one message that is larger: this, or a share of all that is held. */
const MAX_OUTBOX = 64 * 1024 * 1024
const OUTBOX_SHARE = 0.625

/** The id at one end of an answer that was too long to be held: its place in what all known servers write. */
const ID_AT_HEAD = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*,/u
const ID_AT_TAIL = /,\s*"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/u

/** Hands on a line; `why` says of one that was given up for which reason. */
const receiveLine = (receiver: Receiver, line: Line, maxMessage: number, why: () => string): void => {
  if (line._tag === "Line") {
    receiver.message(line.bytes, undefined)
    return
  }
  const id = ID_AT_HEAD.exec(Buffer.from(line.head).toString()) ?? ID_AT_TAIL.exec(Buffer.from(line.tail).toString())
  const message = `a message of ${line.length} bytes`
  const reason = line.wasGivenUp ? `${message}: ${why()}` : Bounds.tooLarge(message, maxMessage)
  receiver.junk(reason)
  if (id !== null) receiver.failed(Number(id[1]), new AnswerRefused({ reason }))
}

const startError = (reason: string): ConnectionLost =>
  new ConnectionLost({ reason, unsent: true, ending: "unreachable" })

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
      const maxMessage = yield* Bounds.MaxMessage
      const buffers = yield* Bounds.Buffers
      const maxOutbox = Math.max(MAX_OUTBOX, buffers.limit * OUTBOX_SHARE)
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
      const outbox: Array<Pieces.Pieces | number> = []
      const hasMail = Latch.makeUnsafe(false)
      let isClosed = false
      /** The requests that the process cannot have seen yet. */
      const unwritten = new TransientMap<number, Pieces.Pieces>()
      const [queued, partial] = [new Holding(buffers), new Holding(buffers)]
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          queued.release()
          partial.release()
        })
      )
      const lost = yield* Deferred.make<never, ConnectionLost>()
      const lose = (why: ConnectionLost) => Deferred.fail(lost, why)
      const loseFor = (reason: string) => lose(new ConnectionLost({ reason, unsent: false }))

      let lastWords = ""

      const splitter = new LineSplitter(maxMessage)
      const emit = (line: Line): void => receiveLine(receiver, line, maxMessage, () => Bounds.noRoom(buffers))
      const take = (chunk: Uint8Array): void => {
        splitter.feed(chunk, emit)
        if (!partial.become(splitter.heldBytes)) {
          splitter.giveUp()
          partial.become(0)
        }
      }
      const drain = Stream.runForEach(child.stdout, (chunk) => Effect.sync(() => take(chunk)))
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
      /** What is written next: a message, and those after it that are small beside it. One write costs as much as another. */
      const takeBatch = (): Arr.NonEmptyReadonlyArray<Uint8Array> | undefined => {
        const pieces: Array<Uint8Array> = []
        let taken = 0
        writing = 0
        for (const entry of outbox) {
          const message = typeof entry === "number" ? unwritten.get(entry) : entry
          const length = message === undefined ? 0 : Pieces.lengthOf(message)
          if (writing > 0 && writing + length > MAX_BATCH) break
          taken++
          // A request that nobody waits for any more.
          if (message === undefined) continue
          if (typeof entry === "number") unwritten.take(entry)
          writing += length
          pieces.push(...message, LINE_FEED)
        }
        outbox.splice(0, taken)
        if (!Arr.isArrayNonEmpty(pieces)) return undefined
        // A copy of a large message would cost more than a write of its end.
        return writing > MAX_BATCH ? pieces : [Buffer.concat(pieces)]
      }
      // It is taken out when there is room for it in the pipe. What was before is written then, and counts no more.
      let writing = 0
      const next: Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, never, void> = Effect.suspend(() => {
        queued.remove(writing)
        const batch = takeBatch()
        if (batch !== undefined) return Effect.succeed(batch)
        if (isClosed) return Cause.done()
        hasMail.closeUnsafe()
        return hasMail.await.pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(next))
      })
      const write = Stream.fromPull(Effect.succeed(next)).pipe(
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
      yield* Effect.addFinalizer(() => {
        isClosed = true
        hasMail.openUnsafe()
        return Effect.exit(child.exitCode).pipe(Effect.timeout(PATIENCE), Effect.ignore)
      })

      const transport: Transport = {
        forgettingCancels: false,
        send: (message, request) =>
          Effect.suspend((): Effect.Effect<void, TransportError> => {
            const length = Pieces.lengthOf(message)
            if (queued.bytes > 0 && queued.bytes + length > maxOutbox) {
              const reason = `it does not read its input; ${queued.bytes} bytes are waiting for it already`
              return Effect.fail(new MessageRefused({ reason }))
            }
            if (isClosed) {
              return Effect.fail(new ConnectionLost({ reason: "it has been stopped", unsent: true, ending: "closed" }))
            }
            if (!queued.add(length)) {
              return Effect.fail(new MessageRefused({ reason: Bounds.noRoom(buffers) }))
            }
            if (request !== undefined) unwritten.set(request, message)
            outbox.push(request ?? message)
            hasMail.openUnsafe()
            return Effect.void
          }),
        forget: (request) => Effect.sync(() => queued.remove(Pieces.lengthOf(unwritten.take(request) ?? []))),
        unsent: (request) => unwritten.has(request),
        agreed: () => Effect.void,
        lost: Deferred.await(lost)
      }
      return transport
    })
