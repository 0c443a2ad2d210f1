/** Connections whose clients do not read what they are sent: they are ended, for what waits for them is held here. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Socket } from "node:net"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"

const log = logger("http")

/** How often within that time connections are looked at. */
const LOOKS = 6

/** The part of a socket that nothing but the platform's own timeout looks at: what of a large write is still to go. */
interface Handle {
  readonly _handle?: { readonly writeQueueSize?: number } | null
}

/**
 * How far sending has come: another value means that something has gone out. A large answer is one write, of which the
 * public counters say nothing before its end.
 */
const progressOf = ({ _handle: handle, bytesWritten, writableLength }: Socket & Handle): string =>
  `${bytesWritten - writableLength} ${handle?.writeQueueSize ?? 0}`

/**
 * Watches over the open connections of a server as long as the scope lives. One on which bytes wait, and none have gone out for
 * `stallTime`, is destroyed. One on which nothing waits may be silent for as long as it likes.
 */
export const watch = Effect.fnUntraced(function* (sockets: ReadonlySet<Socket>, stallTime: Duration.Duration) {
  const stalled = new WeakMap<Socket, { readonly progress: string; readonly since: number }>()

  /** Has nothing gone out on it for too long? */
  const hasStalled = (socket: Socket, now: number): boolean => {
    if (socket.writableLength === 0) {
      stalled.delete(socket)
      return false
    }
    const progress = progressOf(socket)
    const known = stalled.get(socket)
    if (known?.progress === progress) return now - known.since >= Duration.toMillis(stallTime)
    stalled.set(socket, { progress, since: now })
    return false
  }

  const look = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    for (const socket of sockets) {
      if (!hasStalled(socket, now)) continue
      const { remoteAddress = "a client", writableLength } = socket
      socket.destroy()
      const time = Duration.format(stallTime)
      yield* log.info(
        `${remoteAddress} has read nothing for ${time} (MCP_STALL_TIME) of the ${writableLength} bytes that wait for it; its connection is ended`
      )
    }
  })
  yield* Vital.fork(
    "The watch over slow readers",
    Effect.repeat(look, Schedule.spaced(Duration.times(stallTime, 1 / LOOKS)))
  )
})
