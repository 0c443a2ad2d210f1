/** All upstream servers: one supervised connection for each lane that is in use. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Hash from "effect/Hash"
import * as Layer from "effect/Layer"
import * as LayerMap from "effect/LayerMap"
import * as PubSub from "effect/PubSub"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Shelf } from "../domain/Catalogue.ts"
import { LimitReached } from "../domain/Errors.ts"
import * as Lane from "../domain/Lane.ts"
import type { GatewayConfig, ServerConfig } from "../domain/ServerConfig.ts"
import type { ServerId, SessionKey } from "../domain/ServerId.ts"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"
import type { Platform } from "../upstream/Connection.ts"
import type { EraVerdicts } from "../upstream/EraVerdicts.ts"
import * as Supervisor from "../upstream/Supervisor.ts"
import { type LaneEvent, Upstream } from "../upstream/Upstream.ts"

const log = logger("fleet")

/** What identifies a connection: server, resolved configuration, lane. */
class LaneKey implements Equal.Equal {
  readonly config: ServerConfig
  readonly lane: Lane.Lane
  readonly id: string

  constructor(config: ServerConfig, lane: Lane.Lane) {
    this.config = config
    this.lane = lane
    this.id = `${config.id} ${Lane.key(lane)}`
  }

  [Hash.symbol](): number {
    return Hash.string(this.id)
  }

  [Equal.symbol](that: unknown): boolean {
    return that instanceof LaneKey && (this === that || (this.id === that.id && Equal.equals(this.config, that.config)))
  }
}

/** A lane that is kept open for its callers. */
interface OpenLane {
  readonly key: LaneKey
  readonly pin: Scope.Closeable
  readonly upstream: Upstream["Service"]
  inUse: number
  lastUsed: number
}

export class Fleet extends Context.Service<
  Fleet,
  {
    readonly config: GatewayConfig
    /** The shared connection of a server; for servers that are not shared, the one that watches over its health. */
    readonly shared: (server: ServerId) => Upstream["Service"] | undefined
    /** The caller's connection if it is open already. */
    readonly peek: (server: ServerId, caller: Lane.Caller) => Upstream["Service"] | undefined
    /** The caller's connection, opened if need be. It does not close while the scope lives. */
    readonly borrow: (
      server: ServerId,
      caller: Lane.Caller
    ) => Effect.Effect<Upstream["Service"], LimitReached, Scope.Scope>
    /** Keeps the caller's own connections from idling out while the scope lives. */
    readonly hold: (caller: Lane.Caller) => Effect.Effect<void, never, Scope.Scope>
    /** Closes what only this session used. */
    readonly release: (session: SessionKey) => Effect.Effect<void>
    readonly events: PubSub.PubSub<LaneEvent>
  }
>()("mcp-proxy/fleet/Fleet") {}

/** A process costs tens of megabytes, a connection next to nothing. */
const DEFAULT_MAX_LANES = { Stdio: 64, Http: 4096, Sse: 4096, Unusable: 0 } as const

/** How often idle lanes are looked for. */
const SWEEP = Duration.seconds(30)

const holdKeys = (caller: Lane.Caller): ReadonlyArray<string> => [
  ...(caller.session === undefined ? [] : [`session ${caller.session}`]),
  `user ${caller.principal.subject}`
]

const ownerKey = (lane: Lane.Lane): string =>
  lane._tag === "Session" ? `session ${lane.session}` : lane._tag === "User" ? `user ${lane.subject}` : "shared"

/** Starts every enabled server at once and waits for none of them. */
export const layer = (config: GatewayConfig): Layer.Layer<Fleet, never, Platform | EraVerdicts> =>
  Layer.effect(
    Fleet,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const events = yield* PubSub.unbounded<LaneEvent>()
      const shelves = new Map(config.servers.map(({ id }) => [id, new Shelf()]))
      const upstreams = yield* LayerMap.make((key: LaneKey) =>
        Supervisor.layer(key.config, key.lane, shelves.get(key.config.id) ?? new Shelf(), (event) => {
          PubSub.publishUnsafe(events, { server: key.config.id, lane: key.lane, event })
        })
      )
      const contextOf = (key: LaneKey) => Effect.map(upstreams.contextEffect(key), Context.get(Upstream))

      const shared = new Map<ServerId, { readonly key: LaneKey; readonly upstream: Upstream["Service"] }>()
      for (const server of config.servers) {
        const key = new LaneKey(server, Lane.shared)
        shared.set(server.id, { key, upstream: yield* contextOf(key) })
      }

      const open = new Map<string, OpenLane>()
      const holds = new Map<string, number>()

      const isIdle = (lane: OpenLane): boolean => lane.inUse === 0 && !holds.has(ownerKey(lane.key.lane))

      const close = (lane: OpenLane) => {
        open.delete(lane.key.id)
        return Effect.forkIn(Scope.close(lane.pin, Exit.void), scope)
      }

      /** Makes room for one more lane of a server, at the cost of the one that was idle longest. */
      const makeRoom = Effect.fnUntraced(function* (server: ServerConfig) {
        const lanes = [...open.values()].filter(({ key }) => key.config.id === server.id)
        const maxLanes = config.maxLanes ?? DEFAULT_MAX_LANES[server.transport._tag]
        if (lanes.length < maxLanes) return
        const [oldest] = lanes.filter(isIdle).sort((a, b) => a.lastUsed - b.lastUsed)
        if (oldest === undefined) {
          const limit = `All ${maxLanes} connections to server "${server.id}" are in use (gateway.maxLanes)`
          yield* log.warning(limit, { server: server.id })
          return yield* new LimitReached({ limit })
        }
        yield* close(oldest)
      })

      const openLane = Effect.fnUntraced(function* (key: LaneKey) {
        const found = open.get(key.id)
        if (found !== undefined) return found
        yield* makeRoom(key.config)
        const pin = yield* Scope.fork(scope)
        const upstream = yield* Scope.provide(contextOf(key), pin)
        // Another caller of the lane may have been faster; the LayerMap has given both the same connection.
        const raced = open.get(key.id)
        if (raced !== undefined) {
          yield* Scope.close(pin, Exit.void)
          return raced
        }
        const lane: OpenLane = { key, pin, upstream, inUse: 0, lastUsed: yield* Clock.currentTimeMillis }
        open.set(key.id, lane)
        return lane
      })

      const use = (lane: OpenLane) =>
        Effect.acquireRelease(
          Effect.sync(() => lane.inUse++),
          () =>
            Effect.map(Clock.currentTimeMillis, (now) => {
              lane.inUse--
              lane.lastUsed = now
            })
        )

      const keyFor = (server: ServerId, caller: Lane.Caller): LaneKey | undefined => {
        const base = shared.get(server)
        if (base === undefined) return undefined
        const { config } = base.key
        // What cannot be reached at all needs no connection of anybody's own.
        if (config.isolation === "shared" || config.transport._tag === "Unusable") return base.key
        return new LaneKey(config, Lane.laneFor(config.isolation, caller))
      }

      const sweep = Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.forEach(
          [...open.values()].filter((lane) => isIdle(lane) && now - lane.lastUsed > Duration.toMillis(config.laneIdle)),
          (lane) => Effect.andThen(log.debug(`${lane.key.config.id}: closing an idle connection`), close(lane)),
          { discard: true }
        )
      )
      yield* Vital.fork("The sweep over idle connections", Effect.repeat(sweep, Schedule.spaced(SWEEP)))

      return Fleet.of({
        config,
        events,
        shared: (server) => shared.get(server)?.upstream,
        peek: (server, caller) => {
          const key = keyFor(server, caller)
          if (key === undefined) return undefined
          return key.lane._tag === "Shared" ? shared.get(server)?.upstream : open.get(key.id)?.upstream
        },
        borrow: Effect.fnUntraced(function* (server, caller) {
          const key = keyFor(server, caller)
          if (key === undefined) return yield* new LimitReached({ limit: `There is no server "${server}"` })
          if (key.lane._tag === "Shared") return yield* contextOf(key)
          const lane = yield* openLane(key)
          yield* use(lane)
          return lane.upstream
        }),
        hold: (caller) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              for (const key of holdKeys(caller)) holds.set(key, (holds.get(key) ?? 0) + 1)
            }),
            () =>
              Effect.map(Clock.currentTimeMillis, (now) => {
                for (const key of holdKeys(caller)) {
                  const left = (holds.get(key) ?? 1) - 1
                  if (left > 0) holds.set(key, left)
                  else holds.delete(key)
                }
                for (const lane of open.values()) {
                  if (holdKeys(caller).includes(ownerKey(lane.key.lane))) lane.lastUsed = now
                }
              })
          ),
        release: Effect.fnUntraced(function* (session) {
          for (const { upstream } of shared.values()) yield* Effect.forkIn(upstream.forget(session), scope)
          for (const lane of open.values()) {
            if (lane.key.lane._tag === "User") yield* Effect.forkIn(lane.upstream.forget(session), scope)
            else if (lane.key.lane._tag === "Session" && lane.key.lane.session === session) yield* close(lane)
          }
        })
      })
    })
  )
