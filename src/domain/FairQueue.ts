/**
 * Who may make a call now, and whose turn is next: so many at a time for each server, and for each owner over all servers.
 * Beyond that calls wait, and owners take turns at a server, so that nobody's flood is before anybody else's call by more
 * than one. Pure: it counts and orders, and tells a place when its turn has come.
 */
import type { Owner } from "./Owner.ts"

/** How many at a time, and how many may wait. */
export interface QueueBounds {
  readonly concurrent: number
  readonly queued: number
}

/** Whose bound it is that keeps a call from being made. */
export type Bound = "server" | "owner"

/** `aside`: it goes on, but only waits for its caller. `gone`: it is over, or was given up. */
type State = "running" | "waiting" | "aside" | "gone"

interface OwnerQueue {
  readonly owner: Owner | undefined
  readonly bounds: QueueBounds
  running: number
  aside: number
  waiting: number
  /** Places in any state: without one, there is nothing to know of the owner. */
  places: number
  /** Where calls of the owner's wait, the server whose turn with the owner is next first; undefined as long as none has. */
  servers: Set<ServerQueue> | undefined
}

interface ServerQueue {
  bounds: QueueBounds
  running: number
  aside: number
  waiting: number
  /** The waiting calls of each owner, oldest first; the owner whose turn is next first. */
  readonly lines: Map<OwnerQueue, Set<Place>>
}

/** A call's place, from its coming to its end. */
export class Place {
  private readonly queue: FairQueue
  readonly server: ServerQueue
  readonly owner: OwnerQueue
  state: State
  /** Called once when its turn comes, if it had to wait. */
  onTurn: (() => void) | undefined

  constructor(queue: FairQueue, server: ServerQueue, owner: OwnerQueue, state: State) {
    this.queue = queue
    this.server = server
    this.owner = owner
    this.state = state
  }

  get isWaiting(): boolean {
    return this.state === "waiting"
  }

  /** Whose bound it is that it waits for. */
  get waitsFor(): Bound {
    return this.owner.running >= this.owner.bounds.concurrent ? "owner" : "server"
  }

  /** The call is over, or given up while it waited. Nothing the second time. */
  leave(): void {
    this.queue.leave(this)
  }

  /**
   * It does not count while it only waits for its caller's answer to a question; unless as many as may run wait so already,
   * for calls that step aside are still there.
   */
  stepAside(): void {
    this.queue.stepAside(this)
  }

  /**
   * It goes on, above the bounds if it must: a server may do nothing else until it has the answer that it asked for, so
   * making the answer wait for another call's end could be for ever.
   */
  stepBack(): void {
    this.queue.stepBack(this)
  }
}

/** What is nobody's is bounded by servers alone. */
const UNBOUNDED: QueueBounds = { concurrent: Infinity, queued: Infinity }

export class FairQueue {
  private readonly perOwner: QueueBounds
  private readonly servers = new Map<string, ServerQueue>()
  private readonly owners = new Map<Owner | undefined, OwnerQueue>()
  private inQueue = 0

  constructor(perOwner: QueueBounds) {
    this.perOwner = perOwner
  }

  /** How many calls wait. */
  get waiting(): number {
    return this.inQueue
  }

  /** How many calls count at present, at one server. */
  runningAt(server: string): number {
    return this.servers.get(server)?.running ?? 0
  }

  /** How many owners there is something to know of. */
  get knownOwners(): number {
    return this.owners.size
  }

  /** A place for a call, which may have to wait for its turn; or the bound because of which it may not even wait. */
  enter(name: string, bounds: QueueBounds, of: Owner | undefined): Place | Bound {
    const server = this.serverOf(name, bounds)
    const owner = this.ownerOf(of)
    // Whoever waits already waits for one of these two bounds, so nobody is overtaken.
    if (server.running < server.bounds.concurrent && owner.running < owner.bounds.concurrent) {
      const place = new Place(this, server, owner, "running")
      owner.places++
      server.running++
      owner.running++
      return place
    }
    if (owner.waiting >= owner.bounds.queued) return this.refused(owner, "owner")
    if (server.waiting >= server.bounds.queued) return this.refused(owner, "server")
    const place = new Place(this, server, owner, "waiting")
    owner.places++
    this.wait(place)
    return place
  }

  /** Other bounds hold for a server from now on. Whoever waits may have to wait no longer. */
  rebind(name: string, bounds: QueueBounds): void {
    const known = this.servers.get(name)
    if (known === undefined || known.bounds === bounds) return
    known.bounds = bounds
    this.admit(known)
  }

  leave(place: Place): void {
    const { owner, server, state } = place
    if (state === "gone") return
    place.state = "gone"
    place.onTurn = undefined
    owner.places--
    if (state === "waiting") this.withdraw(place)
    if (state === "aside") {
      server.aside--
      owner.aside--
    }
    if (owner.places === 0) this.owners.delete(owner.owner)
    if (state === "running") this.freed(server, owner)
  }

  stepAside(place: Place): void {
    const { owner, server, state } = place
    if (state !== "running") return
    if (server.aside >= server.bounds.concurrent || owner.aside >= owner.bounds.concurrent) return
    place.state = "aside"
    server.aside++
    owner.aside++
    this.freed(server, owner)
  }

  stepBack(place: Place): void {
    const { owner, server, state } = place
    if (state !== "aside") return
    place.state = "running"
    server.aside--
    owner.aside--
    server.running++
    owner.running++
  }

  private serverOf(name: string, bounds: QueueBounds): ServerQueue {
    const known = this.servers.get(name)
    if (known === undefined) {
      const made: ServerQueue = { bounds, running: 0, aside: 0, waiting: 0, lines: new Map() }
      this.servers.set(name, made)
      return made
    }
    this.rebind(name, bounds)
    return known
  }

  private ownerOf(of: Owner | undefined): OwnerQueue {
    const known = this.owners.get(of)
    if (known !== undefined) return known
    const bounds = of === undefined ? UNBOUNDED : this.perOwner
    const made: OwnerQueue = { owner: of, bounds, running: 0, aside: 0, waiting: 0, places: 0, servers: undefined }
    this.owners.set(of, made)
    return made
  }

  private refused(owner: OwnerQueue, bound: Bound): Bound {
    if (owner.places === 0) this.owners.delete(owner.owner)
    return bound
  }

  private wait(place: Place): void {
    const { owner, server } = place
    const line = server.lines.get(owner)
    if (line === undefined) server.lines.set(owner, new Set([place]))
    else line.add(place)
    owner.servers ??= new Set()
    owner.servers.add(server)
    this.inQueue++
    server.waiting++
    owner.waiting++
  }

  private withdraw(place: Place): void {
    const { owner, server } = place
    const line = server.lines.get(owner)
    line?.delete(place)
    if (line?.size === 0) {
      server.lines.delete(owner)
      owner.servers?.delete(server)
    }
    this.inQueue--
    server.waiting--
    owner.waiting--
  }

  /** A call that counted does not any more. */
  private freed(server: ServerQueue, owner: OwnerQueue): void {
    server.running--
    owner.running--
    if (this.inQueue === 0) return
    this.admit(server)
    // Calls of its owner's may have waited, elsewhere, for nothing but their owner's bound.
    for (const other of owner.servers ?? []) {
      if (owner.running >= owner.bounds.concurrent) return
      if (other !== server) this.admit(other)
    }
  }

  /** Gives turns to whoever waits for a server and may have one. */
  private admit(server: ServerQueue): void {
    for (const [owner, line] of server.lines) {
      if (server.running >= server.bounds.concurrent) return
      const [place] = line
      if (place === undefined || owner.running >= owner.bounds.concurrent) continue
      this.withdraw(place)
      this.toTheEnd(server, owner, line)
      place.state = "running"
      server.running++
      owner.running++
      const { onTurn } = place
      place.onTurn = undefined
      onTurn?.()
    }
  }

  /** Whoever has had a turn is the last to have the next. The loop over a map that grows at its end goes on to there. */
  private toTheEnd(server: ServerQueue, owner: OwnerQueue, line: Set<Place>): void {
    if (line.size === 0) return
    server.lines.delete(owner)
    server.lines.set(owner, line)
    owner.servers?.delete(server)
    owner.servers?.add(server)
  }
}
