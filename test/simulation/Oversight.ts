/** Looks on as connections are borrowed and change their status; lets everything through as it is. */
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Caller } from "../../src/domain/Lane.ts"
import type { UpstreamStatus } from "../../src/domain/UpstreamStatus.ts"
import type { Fleet } from "../../src/fleet/Fleet.ts"
import type { Upstream, UpstreamState } from "../../src/upstream/Upstream.ts"

export type Connection = Upstream["Service"]

/** A connection, and since when (epoch milliseconds) it is known here. */
export interface Seen {
  readonly upstream: Connection
  readonly since: number
  readonly borrowers: Set<Caller>
}

/** What may follow each status. */
const NEXT: Readonly<Record<UpstreamStatus["_tag"], ReadonlyArray<UpstreamStatus["_tag"]>>> = {
  Starting: ["Starting", "Ready", "BackingOff", "Failed", "Stopped"],
  Ready: ["Starting", "BackingOff", "Failed", "Stopped"],
  BackingOff: ["Ready", "BackingOff", "Failed", "Stopped"],
  Failed: ["Starting", "Stopped"],
  Stopped: []
}

export const statusOf = ({ state }: Connection): UpstreamStatus => SubscriptionRef.getUnsafe(state).status

export class Oversight {
  private readonly seen = new Map<Connection, Seen>()
  private readonly now: () => number
  private readonly violate: (invariant: string, text: string) => void
  /** May it close under those who have borrowed it? */
  private readonly mayClose: (seen: Seen) => boolean

  constructor(options: {
    readonly now: () => number
    readonly violate: (invariant: string, text: string) => void
    readonly mayClose: (seen: Seen) => boolean
  }) {
    this.now = options.now
    this.violate = options.violate
    this.mayClose = options.mayClose
  }

  /** Hears of every status from here on. */
  private watch(upstream: Connection): Seen {
    const known = this.seen.get(upstream)
    if (known !== undefined) return known
    const seen: Seen = { upstream, since: this.now(), borrowers: new Set() }
    this.seen.set(upstream, seen)
    let current: UpstreamState = upstream.state.value
    Object.defineProperty(upstream.state, "value", {
      get: () => current,
      set: (next: UpstreamState) => {
        const before = current.status
        current = next
        if (before !== next.status) this.changed(seen, before, next.status)
      }
    })
    return seen
  }

  private changed(seen: Seen, from: UpstreamStatus, to: UpstreamStatus): void {
    const { id } = seen.upstream.config
    if (!NEXT[from._tag].includes(to._tag)) {
      this.violate("status changes are legal", `${id}: ${from._tag} became ${to._tag}`)
    }
    if (to._tag === "Stopped" && seen.borrowers.size > 0 && !this.mayClose(seen)) {
      this.violate("nothing closes while it is borrowed", `${id} did, on lane ${JSON.stringify(seen.upstream.lane)}`)
    }
  }

  /** The connections of a server that are not closed. */
  living(server: string): ReadonlyArray<Connection> {
    return [...this.seen.keys()].filter(
      (upstream) => upstream.config.id === server && statusOf(upstream)._tag !== "Stopped"
    )
  }

  /** A connection is borrowed. Gives what says that it is given back. */
  private lent(server: string, caller: Caller, upstream: Connection): () => void {
    const { borrowers } = this.watch(upstream)
    if (statusOf(upstream)._tag === "Stopped") {
      this.violate("nothing closed is borrowed", `${server} was closed when it was borrowed`)
    }
    // Each borrow counts by itself.
    const borrower = { ...caller }
    borrowers.add(borrower)
    return () => void borrowers.delete(borrower)
  }

  over(fleet: Fleet["Service"]): Fleet["Service"] {
    const noted = (upstream: Connection | undefined): Connection | undefined => {
      if (upstream !== undefined) this.watch(upstream)
      return upstream
    }
    return {
      ...fleet,
      shared: (server) => noted(fleet.shared(server)),
      peek: (server, caller) => noted(fleet.peek(server, caller)),
      borrow: (server, caller) =>
        Effect.tap(fleet.borrow(server, caller), (upstream) =>
          Effect.acquireRelease(
            Effect.sync(() => this.lent(server, caller, upstream)),
            (giveBack) => Effect.sync(giveBack)
          )
        ),
      begin: (server) => {
        const use = fleet.begin(server)
        if (use === undefined) return undefined
        const given: Array<() => void> = []
        return {
          connection: (caller) =>
            Effect.tap(use.connection(caller), (upstream) =>
              Effect.sync(() => void given.push(this.lent(server, caller, upstream)))
            ),
          end: () => {
            for (const giveBack of given) giveBack()
            use.end()
          }
        }
      }
    }
  }
}
