/** The operator of a simulated proxy: starts it, changes what it is to do, stops it, and kills it. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { Fleet } from "../../src/fleet/Fleet.ts"
import { Proxy } from "../../src/gateway/Proxy.ts"
import { Sessions } from "../../src/gateway/Sessions.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import type { Abort, Ended, HttpRequest, ResponseSink } from "../../src/upstream/HttpAgent.ts"
import { type Configured, versionOf } from "./Configured.ts"
import { Instance, type Lasting, TIMES } from "./Instance.ts"
import type { Mutant } from "./mutants.ts"
import { Oversight, type Seen } from "./Oversight.ts"
import type { Setup } from "./Step.ts"
import type { Timeline } from "./Timeline.ts"

/** What the operator works with, and who is told what comes of it. */
export interface Means {
  readonly seed: number
  readonly setup: Setup
  readonly configured: Configured
  readonly lasting: Context.Context<Lasting>
  readonly timeline: Timeline
  readonly spawner: Layer.Layer<ChildProcessSpawner>
  /** Takes a request to a server; `cut` is told how to cut it off without a word, as when the proxy's process is gone. */
  readonly exchange: (request: HttpRequest, sink: ResponseSink, ended: Ended, cut: (abort: Abort) => void) => Abort
  readonly mutant: Mutant | undefined
  readonly violate: (invariant: string, text: string) => void
  /** The proxy is about to end, or has just ended. */
  readonly ending: () => void
  /** All that was the process's is gone: no server hears of it any more. */
  readonly killed: () => void
  /** Names or permissions change about now. */
  readonly unsettled: () => void
}

/** A process that is over starts no others. */
const unless = (isOver: () => boolean, spawner: Layer.Layer<ChildProcessSpawner>): Layer.Layer<ChildProcessSpawner> =>
  Layer.effect(
    ChildProcessSpawner,
    Effect.map(ChildProcessSpawner, (inner) =>
      ChildProcessSpawner.of({
        ...inner,
        spawn: (command) => Effect.suspend(() => (isOver() ? Effect.never : inner.spawn(command)))
      })
    )
  ).pipe(Layer.provide(spawner))

export class Operator {
  instance: Instance
  oversight: Oversight
  /** How to cut the connections of the process that runs, on both sides of it. */
  cuts = new Set<() => void>()
  private readonly means: Means
  private processes = 0
  private isRestarting = false
  /** When connections under a version of a server's configuration were given up. */
  private readonly retired = new Map<string, Array<number>>()
  private coming: ReadonlyArray<{ readonly id: string; readonly version: string }> = []

  constructor(means: Means) {
    this.means = means
    ;[this.instance, this.oversight] = this.start()
  }

  private start(): [Instance, Oversight] {
    const { configured, exchange, lasting, mutant, seed, setup, spawner, timeline, violate } = this.means
    const oversight = new Oversight({ now: () => timeline.now, violate, mayClose: (seen) => this.mayClose(seen) })
    this.cuts = new Set()
    const { cuts } = this
    let isOver = (): boolean => false
    const instance = new Instance({
      config: configured.config(),
      lasting,
      timeline,
      seed: seed + this.processes++,
      spawner: unless(() => isOver(), spawner),
      exchange: (request, sink, ended) =>
        isOver() ? () => {} : exchange(request, sink, ended, (abort) => void cuts.add(abort)),
      setup,
      fault: (text) => violate("nothing fails unexpectedly", text),
      fleet: (inner) => oversight.over(mutant?.fleet?.(inner) ?? inner),
      gateway: (inner) => mutant?.gateway?.(inner) ?? inner
    })
    isOver = () => instance.isOver
    return [instance, oversight]
  }

  /** Starts the next process, where the last one has ended and was to be followed by another. */
  restart(): void {
    if (!this.isRestarting) return
    this.isRestarting = false
    ;[this.instance, this.oversight] = this.start()
  }

  get isUp(): boolean {
    return !this.instance.isStopping && !this.instance.isOver
  }

  /** The orderly end, after which another process begins, unless it is for good. */
  stop(isForGood = false): void {
    if (!this.isUp) return
    this.means.ending()
    this.instance.stop(() => {
      this.isRestarting = !isForGood
      this.means.ending()
      this.cut()
    })
  }

  kill(): void {
    if (this.instance.isOver) return
    this.means.ending()
    this.instance.kill()
    this.cut()
    this.means.killed()
    this.isRestarting = true
    this.restart()
  }

  private cut(): void {
    for (const cut of this.cuts) cut()
    this.cuts.clear()
  }

  /** Is it one of those that are given up, for longer than its calls are given? */
  private mayClose({ since, upstream }: Seen): boolean {
    if (!this.isUp) return true
    const { config, lane } = upstream
    const times = this.retired.get(`${config.id} ${versionOf(config)}`) ?? []
    const { now } = this.means.timeline
    if (times.some((time) => time >= since && now >= time + Duration.toMillis(TIMES.drain))) return true
    // With a session goes what only it used.
    if (lane._tag !== "Session") return false
    return [...this.instance.get(Sessions).all()].every(({ key }) => key !== lane.session)
  }

  /** Puts what is configured into force. */
  reload(): void {
    if (!this.isUp) return
    const { configured, timeline, unsettled } = this.means
    const { instance } = this
    const next = configured.config()
    const versions = new Map(next.servers.map((server) => [String(server.id), versionOf(server)]))
    const before = instance
      .get(Fleet)
      .config()
      .servers.map((server) => ({ id: server.id, version: versionOf(server) }))
    // Also what an earlier change is still about to bring.
    for (const { id, version } of [...before, ...this.coming]) {
      if (versions.get(id) === version) continue
      const key = `${id} ${version}`
      this.retired.set(key, [...(this.retired.get(key) ?? []), timeline.now])
    }
    this.coming = next.servers.map((server) => ({ id: server.id, version: versionOf(server) }))
    unsettled()
    instance.run(Effect.ensuring(instance.get(Fleet).apply(next), Effect.sync(unsettled)))
  }

  /** Tells whether no call is under way any more, at some moment since it was asked for. */
  idle(): () => boolean {
    let asked: Instance | undefined
    let waiting: Fiber.Fiber<void> | undefined
    return () => {
      if (asked !== this.instance) {
        asked = this.instance
        waiting = this.instance.run(this.instance.get(Proxy).idle)
      }
      return waiting?.pollUnsafe() !== undefined
    }
  }

  /** Has every server started that was given up. */
  retry(): void {
    if (!this.isUp) return
    for (const { name } of this.means.setup.servers) {
      const shared = this.instance.get(Fleet).shared(ServerId.make(name))
      if (shared !== undefined) this.instance.run(shared.retry)
    }
  }
}
