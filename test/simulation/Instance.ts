/** One process of the proxy: the real gateway up to its HTTP endpoint, before the real fleet, on a simulated platform. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as References from "effect/References"
import { MaxOpsBeforeYield, Scheduler } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type { AccessPolicy } from "../../src/access/AccessPolicy.ts"
import type { Audit } from "../../src/access/Audit.ts"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import type { Principal } from "../../src/domain/Principal.ts"
import type { GatewayConfig } from "../../src/domain/ServerConfig.ts"
import * as Fleet from "../../src/fleet/Fleet.ts"
import { Drain } from "../../src/fleet/FleetSettings.ts"
import { Behaviour } from "../../src/gateway/Behaviour.ts"
import type { Catalog } from "../../src/fleet/Catalog.ts"
import type { EventIds } from "../../src/gateway/EventIds.ts"
import type { Streams } from "../../src/gateway/EventLogs.ts"
import * as Gateway from "../../src/gateway/Gateway.ts"
import { type Limits, PerOwner } from "../../src/gateway/Limits.ts"
import type { Listens } from "../../src/gateway/Listens.ts"
import * as Parking from "../../src/gateway/Parking.ts"
import { Proxy } from "../../src/gateway/Proxy.ts"
import type { Sessions } from "../../src/gateway/Sessions.ts"
import { Draining } from "../../src/http/Draining.ts"
import * as Later from "../../src/http/Later.ts"
import * as McpEndpoint from "../../src/http/McpEndpoint.ts"
import type { RootKey } from "../../src/keys/RootKey.ts"
import type { Store } from "../../src/storage/Store.ts"
import { Buffers, MaxMessage } from "../../src/upstream/Bounds.ts"
import { EraVerdicts } from "../../src/upstream/EraVerdicts.ts"
import { HttpAgent } from "../../src/upstream/HttpAgent.ts"
import { Reaper } from "../../src/upstream/Reaper.ts"
import { random } from "./random.ts"
import type { Setup } from "./Step.ts"
import { ProcessClock, type Timeline } from "./Timeline.ts"
import { runNow, Turns } from "./Turns.ts"

/** What outlives a process of the proxy. */
export type Lasting = AccessPolicy | Audit | RootKey | Store

/** What a process of the proxy is made of, where the test has a say in it. */
export interface Make {
  readonly config: GatewayConfig
  readonly lasting: Context.Context<Lasting>
  readonly timeline: Timeline
  readonly spawner: Layer.Layer<ChildProcessSpawner>
  readonly exchange: HttpAgent["Service"]["begin"]
  readonly setup: Pick<Setup, "maxParked" | "maxParkedOfOne" | "operations" | "perOwner">
  /** Of what this process takes for chance. */
  readonly seed: number
  /** Told what no fiber should have come to. */
  readonly fault: (text: string) => void
  /** Puts something before the fleet, for all who use it. */
  readonly fleet: (inner: Fleet.Fleet["Service"]) => Fleet.Fleet["Service"]
  /** Puts something before the services of the gateway, for the endpoint. */
  readonly gateway: (inner: Context.Context<Inner>) => Context.Context<Inner>
}

export type Inner =
  | Lasting
  | Fleet.Fleet
  | Catalog
  | Draining
  | EventIds
  | Limits
  | Listens
  | Parking.Parking
  | Proxy
  | Sessions
  | Streams

/** How long things take here, so that a schedule need not. */
export const TIMES = {
  drain: Duration.seconds(5),
  parking: Duration.seconds(20),
  listWait: Duration.seconds(2),
  grace: Duration.seconds(5)
}

/** More than is ever held here; in the end all of it has to be given back. */
const BUFFER_BYTES = 1 << 30

const MAX_MESSAGE = 1 << 26

export interface Asked {
  readonly principal: Principal
  readonly method: "GET" | "POST" | "DELETE"
  readonly headers: Readonly<Record<string, string>>
  readonly body?: object | undefined
}

/** Who hears what comes of a request: its head, then bytes, then the end. */
export interface Hearer {
  readonly head: (status: number, headers: Readonly<Record<string, string>>) => void
  readonly data: (text: string) => void
  readonly end: () => void
}

const requestOf = ({ body, headers, method }: Asked): HttpServerRequest.HttpServerRequest => {
  const bytes = Buffer.from(body === undefined ? "" : JSON.stringify(body))
  const request = {
    method,
    url: "/mcp",
    headers: { accept: "application/json, text/event-stream", "content-type": "application/json", ...headers },
    arrayBuffer: Effect.succeed(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)),
    stream: Stream.succeed(new Uint8Array(bytes))
  }
  return request as unknown as HttpServerRequest.HttpServerRequest
}

const deliver = ({ body, headers, status }: HttpServerResponse.HttpServerResponse, hearer: Hearer) =>
  Effect.suspend(() => {
    hearer.head(status, headers)
    if (body._tag === "Uint8Array") hearer.data(Buffer.from(body.body).toString())
    return body._tag === "Stream"
      ? Stream.runForEach(body.stream, (chunk) => Effect.sync(() => hearer.data(Buffer.from(chunk).toString())))
      : Effect.void
  })

export class Instance {
  readonly turns = new Turns()
  readonly clock: ProcessClock
  readonly buffers = new ByteBudget(BUFFER_BYTES)
  fibers = 0
  /** Is it to end? Then it takes nothing new. */
  isStopping = false
  isOver = false
  private readonly scope = Scope.makeUnsafe()
  private readonly references: Context.Context<never>
  private readonly services: Context.Context<Inner>
  private readonly serve: Effect.Success<typeof McpEndpoint.make>

  constructor(make: Make) {
    const { maxParked, maxParkedOfOne, perOwner } = make.setup
    this.clock = new ProcessClock(make.timeline)
    this.references = Context.empty().pipe(
      Context.add(Scheduler, this.turns),
      Context.add(Clock.Clock, this.clock),
      Context.add(MaxOpsBeforeYield, make.setup.operations),
      Context.add(References.MinimumLogLevel, "Error"),
      Context.add(Logger.CurrentLoggers, new Set([faults(make.fault)])),
      Context.add(Metric.FiberRuntimeMetrics, {
        recordFiberStart: () => this.fibers++,
        recordFiberEnd: () => this.fibers--
      }),
      Context.add(Buffers, this.buffers),
      Context.add(MaxMessage, MAX_MESSAGE),
      Context.add(Drain, TIMES.drain),
      Context.add(Behaviour, { listWait: TIMES.listWait }),
      Context.add(Parking.Bounds, { time: TIMES.parking, most: maxParked, mostOfOne: maxParkedOfOne }),
      Context.add(PerOwner, perOwner),
      Context.add(Random.Random, chanceOf(make.seed))
    )
    const platform = Layer.mergeAll(
      make.spawner,
      Reaper.layerNone,
      Layer.succeed(HttpAgent, { begin: make.exchange, maxMessage: MAX_MESSAGE, buffers: this.buffers }),
      EraVerdicts.layer
    )
    const fleet = Layer.effect(Fleet.Fleet, Effect.map(Fleet.Fleet, make.fleet)).pipe(
      Layer.provide(Fleet.layer(make.config)),
      Layer.provide(platform)
    )
    const gateway = Gateway.overFleet.pipe(Layer.provideMerge(fleet), Layer.provideMerge(Draining.layer))
    const now = <A, E>(effect: Effect.Effect<A, E>): A => runNow(effect, this.turns, this.references)
    const built = now(
      Layer.build(gateway).pipe(
        Scope.provide(this.scope),
        Effect.map((services) => Context.merge(services, make.lasting)),
        Effect.provideContext(make.lasting)
      )
    )
    this.services = make.gateway(built)
    this.serve = now(McpEndpoint.make.pipe(Scope.provide(this.scope), Effect.provideContext(this.services)))
  }

  get<I extends Inner, S>(service: Context.Key<I, S>): S {
    return Context.getUnsafe(this.services, service)
  }

  /** Does something in this process. */
  run<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.references)(effect)
  }

  /** Takes a request; gives how to close its connection. */
  request(asked: Asked, hearer: Hearer): () => void {
    const fiber = this.run(
      Later.settled(this.serve(requestOf(asked), asked.principal, { _tag: "All" })).pipe(
        Effect.flatMap((response) => deliver(response, hearer)),
        Effect.onError((cause) => Effect.logError("a request failed", cause)),
        Effect.ensuring(Effect.sync(hearer.end))
      )
    )
    return () => {
      if (!this.isOver) fiber.interruptUnsafe()
    }
  }

  /** The orderly end: nothing new is taken, what is in flight has some time, then everything closes. */
  stop(ended: () => void): void {
    this.isStopping = true
    const draining = this.get(Draining)
    const proxy = this.get(Proxy)
    this.run(
      draining.begin.pipe(
        Effect.andThen(Effect.timeoutOption(proxy.idle, TIMES.grace)),
        Effect.flatMap((finished) => (finished._tag === "None" ? proxy.abort : Effect.void)),
        Effect.andThen(draining.end),
        // What was said last is still to be read.
        Effect.andThen(Effect.sleep(1)),
        Effect.andThen(Scope.close(this.scope, Exit.void)),
        Effect.andThen(
          Effect.sync(() => {
            this.isOver = true
            ended()
          })
        )
      )
    )
  }

  /** SIGKILL: nothing of it runs any more. */
  kill(): void {
    this.isOver = true
    this.turns.stop()
    this.clock.stop()
  }
}

/** What the proxy takes for chance. */
const chanceOf = (seed: number): Random.Random => {
  const { below, next } = random(seed ^ 0xc4a)
  return { nextDoubleUnsafe: next, nextIntUnsafe: () => below(Number.MAX_SAFE_INTEGER) }
}

/** Hears of what nobody foresaw: it is logged with its cause. */
const faults = (fault: (text: string) => void) =>
  Logger.make<unknown, void>(({ cause, message }) => {
    if (cause.reasons.some(({ _tag }) => _tag === "Die")) fault(`${String(message)}: ${String(cause)}`)
  })
