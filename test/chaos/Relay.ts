/** A TCP relay whose connections can be broken one by one, each known by the port that it comes from. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import { reset } from "../integration/wire.ts"

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

export interface Relay {
  readonly port: number
  /** The ports that its connections come from at present. */
  readonly open: () => ReadonlyArray<number>
  /** How many have come in all. */
  readonly accepted: () => number
  /** Breaks both halves of a connection. False: there is none from that port. */
  readonly reset: (from: number) => boolean
}

const HOST = "127.0.0.1"

/** However one half ends, the other does likewise: what is graceful stays so, and what is not, too. */
const join = (from: Socket, to: Socket): void => {
  from.pipe(to)
  from.on("error", () => reset(to))
  from.on("close", () => {
    // After an orderly end, what was piped is still being written.
    if (!from.readableEnded) reset(to)
  })
}

/** Listens on a port of its own and relays to that one. When the scope closes, so do its connections. */
export const open = (target: number): Effect.Effect<Relay, never, Scope.Scope> => {
  const pairs = new Map<number, Pair>()
  let accepted = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    accepted++
    const from = near.remotePort ?? 0
    const far = connect({ port: target, host: HOST, allowHalfOpen: true, noDelay: true })
    pairs.set(from, { near, far })
    near.on("close", () => pairs.delete(from))
    join(near, far)
    join(far, near)
  })
  return Effect.acquireRelease(
    Effect.callback<Relay>((resume) => {
      server.listen(0, HOST, () =>
        resume(
          Effect.succeed({
            port: (server.address() as AddressInfo).port,
            open: () => [...pairs.keys()],
            accepted: () => accepted,
            reset: (from) => {
              const pair = pairs.get(from)
              if (pair === undefined) return false
              reset(pair.near)
              reset(pair.far)
              return true
            }
          })
        )
      )
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const { far, near } of pairs.values()) {
          near.destroy()
          far.destroy()
        }
      })
  )
}
