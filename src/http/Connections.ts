/** The connections of clients at the end: none is closed between a request's arrival and its answer, if that can be helped. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"

/** How long nothing has to come on a connection before it may be taken for idle. */
export interface Patience {
  /** On one that has been used. Its client may be about to use it again; it does not hear that it is closed until it does. */
  readonly used: Duration.Duration
  /** On one on which nothing has come yet: who connects is about to ask. */
  readonly fresh: Duration.Duration
}

/** What was last seen of a connection. */
interface Seen {
  bytes: number
  /** By `performance.now()`. */
  since: number
}

const LOOK = Duration.millis(20)

/** The answer that is being given on a connection. It is Node's own field: without it each request would have to be counted. */
const answerOn = (socket: Socket): ServerResponse | undefined =>
  (Reflect.get(socket, "_httpMessage") as ServerResponse | null | undefined) ?? undefined

export class Connections {
  private readonly server: Server
  private readonly patience: Patience
  private readonly open = new Set<Socket>()
  private readonly seen = new WeakMap<Socket, Seen>()

  constructor(server: Server, patience: Patience) {
    this.server = server
    this.patience = patience
    server.on("connection", (socket) => {
      this.open.add(socket)
      socket.once("close", () => this.open.delete(socket))
    })
  }

  /** Those that there are at present. */
  get sockets(): ReadonlySet<Socket> {
    return this.open
  }

  /** From now on every response asks its client to leave: those under way, where their head is not sent yet, and all to come. */
  sayFarewell(): void {
    this.server.prependListener("request", (_, response) => response.setHeader("connection", "close"))
    for (const socket of this.open) {
      const response = answerOn(socket)
      if (response?.headersSent === false) response.setHeader("connection", "close")
    }
  }

  /** Waits until there is no connection any more, and closes those that are idle. */
  readonly emptied: Effect.Effect<void> = Effect.suspend(() => {
    this.closeIdle()
    return this.open.size === 0 ? Effect.void : Effect.andThen(Effect.sleep(LOOK), this.next)
  })

  /** What has come by now is read before the next look. */
  private readonly next: Effect.Effect<void> = Effect.andThen(
    Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void))),
    Effect.suspend(() => this.emptied)
  )

  private closeIdle(): void {
    const now = performance.now()
    for (const socket of this.open) {
      const before = this.seen.get(socket)
      if (answerOn(socket) !== undefined || before?.bytes !== socket.bytesRead) {
        this.seen.set(socket, { bytes: socket.bytesRead, since: now })
        continue
      }
      const patience = socket.bytesRead === 0 ? this.patience.fresh : this.patience.used
      // At once and wholly: a request that came between a half-closed connection's end and ours would be acted on unheard.
      if (now - before.since >= Duration.toMillis(patience)) socket.destroy()
    }
  }
}
