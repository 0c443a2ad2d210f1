/**
 * The listening socket that whoever started us holds for us: sd_listen_fds(3), of systemd and of what is compatible with
 * it. While the process is replaced, connections wait in the kernel's queue.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { logger } from "../observability/Logging.ts"

const log = logger("http")

/** The first descriptor that is handed over; there is to be no second. */
export const FIRST_FD = 3

export type Bound =
  | { readonly _tag: "Inet"; readonly host: string; readonly port: number }
  /** A path in the file system, or `@name`. */
  | { readonly _tag: "Unix"; readonly path: string }

export interface HandedSocket {
  readonly fd: number
  readonly address: Bound
}

/** As a person reads it. */
export const show = ({ address }: HandedSocket): string => {
  if (address._tag === "Unix") return address.path
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** What was handed over cannot be listened on. */
export class SocketActivationError extends Schema.TaggedError<SocketActivationError>()("SocketActivationError", {
  reason: Schema.String
}) {
  override get message(): string {
    return `LISTEN_FDS: ${this.reason}`
  }
}

/** What the environment says, and who we are. */
export interface Environment {
  readonly fds: string | undefined
  readonly pid: string | undefined
  /** The processes that may be meant by `pid`: this one, and the wrapper that it was started by, if there is one. */
  readonly own: ReadonlyArray<number>
}

/** Is there a socket for us? None where there is nothing, or it is for another process. */
export const claim = ({ fds, own, pid }: Environment): Result.Result<boolean, string> => {
  if (fds === undefined || pid === undefined || !own.includes(Number(pid))) return Result.succeed(false)
  if (!/^\d+$/u.test(fds)) return Result.fail(`expected a number, not ${JSON.stringify(fds)}`)
  const count = Number(fds)
  if (count <= 1) return Result.succeed(count === 1)
  return Result.fail(`${count} sockets were handed over, and one is taken. Leave one ListenStream= in the socket unit.`)
}

const LISTENING_TCP = "0A"
const LISTENING_UNIX = 0x10000
const STREAM = "0001"

/** Words of 32 bits, each with its lowest byte first, as bytes. */
const bytesOf = (hex: string): ReadonlyArray<number> =>
  (hex.match(/.{8}/gu) ?? []).flatMap((word) => (word.match(/../gu) ?? []).map((byte) => parseInt(byte, 16)).reverse())

const hostOf = (hex: string): string => {
  const bytes = bytesOf(hex)
  if (bytes.length === 4) return bytes.join(".")
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0)).toString(16))
  // Shortened as everybody writes it.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1)
}

const fieldsOf = (table: string): ReadonlyArray<ReadonlyArray<string>> =>
  table.split("\n").map((line) => line.trim().split(/\s+/u))

/** The address of a listening socket in /proc/net/tcp or /proc/net/tcp6 (proc_net_tcp, kernel documentation). */
export const findTcp = (table: string, inode: string): Bound | undefined => {
  const found = fieldsOf(table).find((fields) => fields[9] === inode && fields[3] === LISTENING_TCP)
  const [host = "", port = ""] = found?.[1]?.split(":") ?? []
  return found === undefined ? undefined : { _tag: "Inet", host: hostOf(host), port: parseInt(port, 16) }
}

/** The path of a listening stream socket in /proc/net/unix (unix(7)). */
export const findUnix = (table: string, inode: string): Bound | undefined => {
  const found = fieldsOf(table).find(
    ([, , , flags = "0", type, , own]) =>
      own === inode && type === STREAM && (parseInt(flags, 16) & LISTENING_UNIX) !== 0
  )
  return found === undefined ? undefined : { _tag: "Unix", path: found.slice(7).join(" ") }
}

/** What a descriptor is, if it is a listening socket. */
export const inspect = Effect.fnUntraced(function* (fd: number) {
  const fs = yield* FileSystem.FileSystem
  const refuse = (what: string) =>
    new SocketActivationError({
      reason: `descriptor ${fd} is ${what}, not a listening TCP or Unix stream socket. The socket unit needs ListenStream= and Accept=no.`
    })
  const read = (path: string) => Effect.orElseSucceed(fs.readFileString(path), () => "")
  const link = yield* Effect.option(fs.readLink(`/proc/self/fd/${fd}`))
  if (Option.isNone(link)) {
    const hasProc = yield* Effect.orElseSucceed(fs.exists("/proc/self/fd"), () => false)
    return yield* hasProc
      ? refuse("not open")
      : new SocketActivationError({ reason: "a socket can be handed over on Linux only" })
  }
  const [, inode] = /^socket:\[(\d+)\]$/u.exec(link.value) ?? []
  if (inode === undefined) return yield* refuse(link.value)
  for (const [path, find] of [
    ["/proc/self/net/tcp", findTcp],
    ["/proc/self/net/tcp6", findTcp],
    ["/proc/self/net/unix", findUnix]
  ] as const) {
    const address = find(yield* read(path), inode)
    if (address !== undefined) return { fd, address } satisfies HandedSocket
  }
  return yield* refuse("another socket, or one that does not listen")
})

// The process's own: .env has no say in what it was started with.
const variable = (name: string) =>
  Config.option(Config.String(name))
    .parse(ConfigProvider.fromEnv())
    .pipe(Effect.orElseSucceed(Option.none), Effect.map(Option.getOrUndefined))

/**
 * The socket that was handed over to this process, if there is one. `own` are the processes that may be meant. It can be
 * taken once: afterwards the environment says nothing of it any more.
 */
export const take = Effect.fn("SocketActivation.take")(function* (own: ReadonlyArray<number>) {
  const environment = { fds: yield* variable("LISTEN_FDS"), pid: yield* variable("LISTEN_PID"), own }
  yield* Effect.sync(() => {
    // @effect-diagnostics-next-line processEnvInEffect:off
    for (const name of ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"]) delete process.env[name]
  })
  const claimed = yield* Effect.fromResult(
    Result.mapError(claim(environment), (reason) => new SocketActivationError({ reason }))
  )
  if (claimed) return Option.some(yield* inspect(FIRST_FD))
  if (environment.fds !== undefined && environment.pid !== undefined) {
    yield* log.info(`LISTEN_FDS is for process ${environment.pid}, and this is ${own.join(", ")}: not used`)
  }
  return Option.none<HandedSocket>()
})
