/** One server under one configuration: its shared connection, and those of its lanes. A changed configuration has another. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Latch from "effect/Latch"
import * as LayerMap from "effect/LayerMap"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Shelf } from "../domain/Catalogue.ts"
import { LimitReached } from "../domain/Errors.ts"
import * as Lane from "../domain/Lane.ts"
import { type Owner, ownerOf } from "../domain/Owner.ts"
import type { GatewayConfig, ServerConfig } from "../domain/ServerConfig.ts"
import { rememberingOf } from "../domain/Remembering.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import { logger } from "../observability/Logging.ts"
import type { Platform } from "../upstream/Connection.ts"
import type { EraVerdicts } from "../upstream/EraVerdicts.ts"
import { Restraint } from "../upstream/Restraint.ts"
import * as Supervisor from "../upstream/Supervisor.ts"
import { type LaneEvent, Upstream } from "../upstream/Upstream.ts"

const log = logger("fleet")

/** A lane as a key: equal lanes are one connection. */
class LaneKey implements Equal.Equal {
  readonly lane: Lane.Lane
  readonly id: string

  constructor(lane: Lane.Lane) {
    this.lane = lane
    this.id = Lane.key(lane)
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof LaneKey && this.id === that.id
  }
}

/** The keys of a caller, by isolation: every call asks for them. */
const KEYS = {
  user: rememberingOf((caller: Lane.Caller) => new LaneKey(Lane.laneFor("user", caller))),
  session: rememberingOf((caller: Lane.Caller) => new LaneKey(Lane.laneFor("session", caller)))
}

/** A lane that is kept open for its callers. */
interface OpenLane {
  readonly key: LaneKey
  readonly owner: Owner | undefined
  readonly pin: Scope.Closeable
  readonly upstream: Upstream["Service"]
  inUse: number
  lastUsed: number
}

/** What the deployments of a fleet have in common. */
export interface Surroundings {
  readonly shelf: Shelf
  readonly publish: (event: LaneEvent) => void
  /** The bounds in force. */
  readonly bounds: () => Pick<GatewayConfig, "laneIdle" | "maxLanes" | "maxLanesPerUser">
  /** Is somebody there for whom the connections of this owner are kept open? */
  readonly isHeld: (owner: string) => boolean
}

/** One use of a deployment, from its beginning to its end; it is not closed in between but by force. */
export interface Use {
  /** The caller's connection, opened if need be. */
  readonly connection: (caller: Lane.Caller) => Effect.Effect<Upstream["Service"], LimitReached>
  /** Ends it, once. */
  readonly end: () => void
}

export interface Deployment {
  readonly config: ServerConfig
  /** The connection that all share; where they do not, the one that watches over the server's health. */
  readonly shared: Upstream["Service"]
  /** The caller's connection if it is open already. */
  readonly peek: (caller: Lane.Caller) => Upstream["Service"] | undefined
  /** Begins a use, at once. */
  readonly begin: () => Use
  /** The caller's connection, opened if need be, for who merely listens: it closes without asking them. */
  readonly join: (caller: Lane.Caller) => Effect.Effect<Upstream["Service"], LimitReached>
  /** Closes what only this session used. */
  readonly release: (session: SessionKey) => Effect.Effect<void>
  /** Closes lanes that have been idle for too long. */
  readonly sweep: (now: number) => Effect.Effect<void>
  /** The lanes of these owners count as used just now. */
  readonly touch: (owners: ReadonlyArray<string>, now: number) => void
  /** How many lanes are open, the shared connection left out. */
  readonly lanes: () => number
  /** Waits until nobody uses it. */
  readonly idle: Effect.Effect<void>
  /** Says that nobody new will be led here: who listens may go. */
  readonly retire: Effect.Effect<void>
  readonly retired: Effect.Effect<void>
  /** Closes it with all its connections, and waits until they are gone. Calls on them are lost. */
  readonly close: Effect.Effect<void>
}

/** A process costs tens of megabytes, a connection next to nothing. */
const DEFAULT_MAX_LANES = { Stdio: 64, Http: 4096, Sse: 4096, Unusable: 0 } as const
const DEFAULT_MAX_LANES_PER_USER = { Stdio: 16, Http: 256, Sse: 256, Unusable: 0 } as const

/** For whom a lane is kept open. */
export const ownerKey = (lane: Lane.Lane): string =>
  lane._tag === "Session" ? `session ${lane.session}` : lane._tag === "User" ? `user ${lane.subject}` : "shared"

/** Starts a server. It lives until it is closed, or the scope in which it was started is. */
export const start = (
  config: ServerConfig,
  { bounds, isHeld, publish, shelf }: Surroundings,
  inherited: Supervisor.Inherited | undefined
): Effect.Effect<Deployment, never, Platform | EraVerdicts | Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const clock = yield* Clock.Clock
    // The lanes of a remote server lead to the same; each local process is one of its own.
    const common = new Restraint(config.breaker)
    const connections = yield* LayerMap.make((key: LaneKey) =>
      Supervisor.layer({
        config,
        lane: key.lane,
        shelf,
        restraint: config.transport._tag === "Stdio" ? new Restraint(config.breaker) : common,
        inherited,
        publish: (event) => publish({ server: config.id, lane: key.lane, event })
      })
    ).pipe(Scope.provide(scope))
    const connect = (key: LaneKey) => Effect.map(connections.contextEffect(key), Context.get(Upstream))
    const shared = yield* Scope.provide(connect(new LaneKey(Lane.shared)), scope)

    const open = new Map<string, OpenLane>()
    let uses = 0
    const unused = yield* Latch.make(true)
    const retired = yield* Latch.make(false)

    const isIdle = (lane: OpenLane): boolean => lane.inUse === 0 && !isHeld(ownerKey(lane.key.lane))

    const close = (lane: OpenLane) => {
      open.delete(lane.key.id)
      return Effect.forkIn(Scope.close(lane.pin, Exit.void), scope)
    }

    /**
     * Makes room for one more lane, at the cost of one that is idle: the owner's own where there is one, for nobody is to
     * lose theirs by what one does alone; then the one that was idle longest.
     */
    const makeRoom = Effect.fnUntraced(function* (owner: Owner | undefined) {
      const lanes = [...open.values()]
      const own = owner === undefined ? [] : lanes.filter((lane) => lane.owner === owner)
      const maxLanes = bounds().maxLanes ?? DEFAULT_MAX_LANES[config.transport._tag]
      const maxOwn = bounds().maxLanesPerUser ?? DEFAULT_MAX_LANES_PER_USER[config.transport._tag]
      const isTheirs = own.length >= maxOwn
      if (!isTheirs && lanes.length < maxLanes) return
      const idle = (some: ReadonlyArray<OpenLane>) => some.filter(isIdle).sort((a, b) => a.lastUsed - b.lastUsed)[0]
      const oldest = idle(own) ?? (isTheirs ? undefined : idle(lanes))
      if (oldest === undefined) {
        const limit = isTheirs
          ? `All ${maxOwn} connections to server "${config.id}" that you may have are in use (gateway.maxLanesPerUser)`
          : `All ${maxLanes} connections to server "${config.id}" are in use (gateway.maxLanes)`
        yield* log.warning(limit, { server: config.id })
        return yield* new LimitReached({ limit })
      }
      yield* close(oldest)
    })

    /** Opens a lane, one at a time, and has it entered before anybody else may take it for idle. */
    const opening = yield* Semaphore.make(1)
    const openLane = Effect.fnUntraced(
      function* <A>(key: LaneKey, owner: Owner | undefined, enter: (lane: OpenLane) => A) {
        const found = open.get(key.id)
        if (found !== undefined) return enter(found)
        yield* makeRoom(owner)
        const lastUsed = clock.currentTimeMillisUnsafe()
        const pin = yield* Scope.fork(scope)
        const upstream = yield* Scope.provide(connect(key), pin)
        const lane: OpenLane = { key, owner, pin, upstream, inUse: 0, lastUsed }
        open.set(key.id, lane)
        return enter(lane)
      },
      Effect.uninterruptible,
      opening.withPermits(1)
    )

    /** Enters a lane: at once where it is open, else once it has been opened. */
    const inLane = <A>(
      key: LaneKey,
      caller: Lane.Caller,
      enter: (lane: OpenLane) => A
    ): Effect.Effect<A, LimitReached> => {
      const found = open.get(key.id)
      return found === undefined ? openLane(key, ownerOf(caller), enter) : Effect.succeed(enter(found))
    }

    /** The caller's lane; undefined where it is the shared one. What cannot be reached at all needs none of anybody's own. */
    const keyFor = (caller: Lane.Caller): LaneKey | undefined =>
      config.isolation === "shared" || config.transport._tag === "Unusable" ? undefined : KEYS[config.isolation](caller)

    const begin = (): Use => {
      let lane: OpenLane | undefined
      if (uses++ === 0) unused.closeUnsafe()
      return {
        connection: (caller) => {
          const key = keyFor(caller)
          if (key === undefined) return Effect.succeed(shared)
          return inLane(key, caller, (found) => {
            lane = found
            lane.inUse++
            return lane.upstream
          })
        },
        end: () => {
          if (lane !== undefined) {
            lane.inUse--
            lane.lastUsed = clock.currentTimeMillisUnsafe()
          }
          if (--uses === 0) unused.openUnsafe()
        }
      }
    }

    return {
      config,
      shared,
      peek: (caller) => {
        const key = keyFor(caller)
        return key === undefined ? shared : open.get(key.id)?.upstream
      },
      begin,
      join: (caller) => {
        const key = keyFor(caller)
        return key === undefined ? Effect.succeed(shared) : inLane(key, caller, ({ upstream }) => upstream)
      },
      release: Effect.fnUntraced(function* (session) {
        yield* Effect.forkIn(shared.forget(session), scope)
        for (const lane of open.values()) {
          if (lane.key.lane._tag === "User") yield* Effect.forkIn(lane.upstream.forget(session), scope)
          else if (lane.key.lane._tag === "Session" && lane.key.lane.session === session) yield* close(lane)
        }
      }),
      sweep: (now) =>
        Effect.forEach(
          [...open.values()].filter(
            (lane) => isIdle(lane) && now - lane.lastUsed > Duration.toMillis(bounds().laneIdle)
          ),
          (lane) => Effect.andThen(log.debug(`${config.id}: closing an idle connection`), close(lane)),
          { discard: true }
        ),
      touch: (owners, now) => {
        for (const lane of open.values()) if (owners.includes(ownerKey(lane.key.lane))) lane.lastUsed = now
      },
      lanes: () => open.size,
      idle: unused.await,
      retire: Effect.asVoid(retired.open),
      retired: retired.await,
      // Whoever else closes it waits likewise.
      close: yield* Effect.cached(Effect.uninterruptible(Scope.close(scope, Exit.void)))
    } satisfies Deployment
  })
