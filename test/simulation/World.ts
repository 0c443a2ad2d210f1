/** Everything of one schedule: the proxy, its servers, its clients, its operator, and the time in which it all happens. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as AccessPolicy from "../../src/access/AccessPolicy.ts"
import * as Audit from "../../src/access/Audit.ts"
import type { AuditRecord } from "../../src/domain/AuditRecord.ts"
import * as ConfigDifference from "../../src/domain/ConfigDifference.ts"
import { type GatewayConfig, sameConnection, type ServerConfig } from "../../src/domain/ServerConfig.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import * as View from "../../src/domain/View.ts"
import { Fleet } from "../../src/fleet/Fleet.ts"
import { Sessions } from "../../src/gateway/Sessions.ts"
import { RootKey } from "../../src/keys/RootKey.ts"
import * as Store from "../../src/storage/Store.ts"
import { memoryProcesses, type Program } from "../support/memoryProcesses.ts"
import { person } from "../support/memoryGateway.ts"
import type { Cipher } from "./cipher.ts"
import type { Client, Surroundings } from "./Client.ts"
import { Configured, emailOf } from "./Configured.ts"
import { Estate, type Execution } from "./Estate.ts"
import { type Asked, type Hearer, Instance, type Inner, type Lasting, TIMES } from "./Instance.ts"
import { type Call, Ledger } from "./Ledger.ts"
import { LegacyClient } from "./LegacyClient.ts"
import { ModernClient } from "./ModernClient.ts"
import { Network } from "./Network.ts"
import { Oversight, type Seen, statusOf } from "./Oversight.ts"
import { random } from "./random.ts"
import { Site } from "./Site.ts"
import { legacy, modern } from "./speakers.ts"
import { CLIENTS, PEOPLE, type Schedule } from "./Step.ts"
import { Timeline } from "./Timeline.ts"
import { runNow } from "./Turns.ts"

/** Something that must hold and does not. */
export interface Violation {
  readonly invariant: string
  readonly text: string
  /** After how many steps. */
  readonly step: number
}

/** A proxy with a fault: what stands before its parts. */
export interface Mutant {
  readonly name: string
  readonly fleet?: (inner: Fleet["Service"]) => Fleet["Service"]
  readonly gateway?: (inner: Context.Context<Inner>) => Context.Context<Inner>
  readonly spawner?: (inner: Layer.Layer<ChildProcessSpawner>) => Layer.Layer<ChildProcessSpawner>
}

/** Anything that could excuse that a call has no result. */
export type Excuse = "server" | "gateway" | "session" | "names" | "time"

/** A server under one version of its configuration. */
const versionOf = ({ id, transport }: ServerConfig): string => {
  const held = transport._tag === "Stdio" ? transport.env["VERSION"] : undefined
  const version = transport._tag === "Http" ? transport.headers["x-version"] : held
  return `${id} ${version === undefined ? "" : Redacted.value(version)}`
}

/** Strong enough to be taken as it is. */
const ROOT_KEY = "0123456789abcdef".repeat(4)

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

const PRINCIPALS = PEOPLE.map((_, index) => person(emailOf(index)))

/** After so many turns of promises it is seen whether something is enciphered. */
const MICROTASKS = 5

/** A turn of the platform's own, in which promises go on. */
const platformTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class World {
  readonly schedule: Schedule
  readonly timeline = new Timeline()
  readonly network: Network
  readonly estates: ReadonlyMap<string, Estate>
  readonly sites: ReadonlyMap<string, Site>
  readonly processes: ReturnType<typeof memoryProcesses>
  readonly configured: Configured
  readonly clients: ReadonlyArray<Client>
  readonly ledger: Ledger
  readonly records: Array<AuditRecord> = []
  readonly violations: Array<Violation> = []
  readonly excuses = new Map<Call, Set<Excuse>>()
  instance: Instance
  oversight: Oversight
  /** The step that is being carried out. */
  step = 0
  private readonly cipher: Cipher
  private cipherUses = 0
  private readonly lasting: Context.Context<Lasting>
  private readonly replaceRules: Effect.Success<ReturnType<typeof AccessPolicy.fromRules>>["replace"]
  private readonly mutant: Mutant | undefined
  private exchanges = 0
  /** How to cut the connections of the process that runs, on both sides of it. */
  private cuts = new Set<() => void>()
  /** When connections under a version of a server's configuration were given up. */
  private readonly retired = new Map<string, Array<number>>()
  private isRestarting = false
  /** The step at which names or permissions changed last. */
  private changedAt = -1
  private readonly disturbedAt = new Map<string, number>()
  private coming: GatewayConfig["servers"] = []
  private readonly onEnd: (world: World, call: Call) => void

  constructor(
    schedule: Schedule,
    options: {
      readonly cipher: Cipher
      readonly mutant?: Mutant | undefined
      /** Told when a call has ended for its client. */
      readonly onEnd: (world: World, call: Call) => void
    }
  ) {
    const { setup } = schedule
    this.schedule = schedule
    this.cipher = options.cipher
    this.mutant = options.mutant
    this.onEnd = options.onEnd
    this.network = new Network(random(schedule.seed ^ 0x5eed))
    this.configured = new Configured(setup)
    this.estates = new Map(setup.servers.map((server) => [server.name, new Estate(server, this.timeline)]))
    for (const [name, estate] of this.estates) {
      estate.onCrash = () => this.disturb(name)
    }
    this.sites = new Map([...this.estates].map(([name, estate]) => [name, new Site(estate, this.network)]))
    const programs = [...this.estates].map(([name, estate]) => [name, this.program(estate)] as const)
    this.processes = memoryProcesses(
      Object.fromEntries(programs),
      (command) => this.estates.get(command)?.isMissing === true
    )
    const policy = runNow(AccessPolicy.fromRules(this.configured.rules()))
    this.replaceRules = policy.replace
    this.lasting = runNow(
      Layer.build(
        Layer.mergeAll(
          Layer.succeed(AccessPolicy.AccessPolicy, policy.service),
          Audit.layerMemory(this.records),
          RootKey.layerText(Redacted.make(ROOT_KEY)),
          Store.layerMemory
        )
      ).pipe(Scope.provide(Scope.makeUnsafe()))
    )
    this.ledger = new Ledger({
      step: () => this.step,
      onEnd: (call) => this.onEnd(this, call),
      isHeard: () => this.isUp
    })
    this.clients = CLIENTS.map((client, index) => {
      const surroundings = this.surroundings(client.person)
      return client.era === "legacy"
        ? new LegacyClient(index, client, surroundings)
        : new ModernClient(index, client, surroundings)
    })
    ;[this.instance, this.oversight] = this.start()
  }

  violate = (invariant: string, text: string): void => {
    this.violations.push({ invariant, text, step: this.step })
  }

  // Servers.

  private program(estate: Estate): Program {
    const speak = estate.setup.era === "legacy" ? legacy : modern
    return (self) => {
      const [input, output] = [`${self.pid} in`, `${self.pid} out`]
      const speaker = speak(estate, {
        id: String(self.pid),
        version: String(self.env["VERSION"]),
        isAlive: self.isRunning,
        isReachable: self.isRunning,
        say: (message) => this.network.send(output, () => self.say(message)),
        crash: () => self.exit(1)
      })
      return {
        heard: (message) => this.network.send(input, () => speaker.heard(message)),
        // One that hangs does not see the end of its input.
        inputEnded: () =>
          this.network.send(input, () => {
            speaker.closed()
            if (!estate.isMute) this.network.send(output, () => self.exit(0))
          })
      }
    }
  }

  executions(tag: string): ReadonlyArray<Execution> {
    return [...this.estates.values()].flatMap((estate) => estate.executions.get(tag) ?? [])
  }

  // The proxy.

  private start(): [Instance, Oversight] {
    const oversight = new Oversight({
      now: () => this.timeline.now,
      violate: this.violate,
      mayClose: (seen) => this.mayClose(seen)
    })
    this.cuts = new Set()
    const { cuts, mutant } = this
    const { setup } = this.schedule
    let isOver = (): boolean => false
    const spawner = unless(() => isOver(), this.processes.layer)
    const instance = new Instance({
      config: this.configured.config(),
      lasting: this.lasting,
      timeline: this.timeline,
      spawner: mutant?.spawner?.(spawner) ?? spawner,
      exchange: (request, sink) => {
        if (isOver()) return Effect.never
        const site = this.sites.get(request.url.hostname.replace(/\.example$/u, ""))
        if (site === undefined) return Effect.die(new Error(`there is nobody at ${request.url.href}`))
        return site.exchange(request, sink, (abort) => cuts.add(abort))
      },
      bounds: { most: setup.maxParked, mostOfOne: setup.maxParkedOfOne },
      operations: setup.operations,
      fault: (text) => this.violate("nothing fails unexpectedly", text),
      fleet: (inner) => oversight.over(mutant?.fleet?.(inner) ?? inner),
      gateway: (inner) => mutant?.gateway?.(inner) ?? inner
    })
    isOver = () => instance.isOver
    return [instance, oversight]
  }

  private restart(): void {
    this.isRestarting = false
    ;[this.instance, this.oversight] = this.start()
  }

  get isUp(): boolean {
    return !this.instance.isStopping && !this.instance.isOver
  }

  /** The orderly end, after which another process begins, unless it is for good. */
  stop(isForGood = false): void {
    if (!this.isUp) return
    this.excuseAll("gateway")
    this.ledger.doubt()
    this.instance.stop(() => {
      this.isRestarting = !isForGood
      this.excuseAll("gateway")
      this.cut()
    })
  }

  kill(): void {
    if (this.instance.isOver) return
    this.excuseAll("gateway")
    this.ledger.doubt()
    this.instance.kill()
    this.cut()
    // Who watches over its children ends them; its sessions elsewhere nobody will ever use again.
    for (const child of this.processes.running()) child.exit(137)
    for (const site of this.sites.values()) site.expire()
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
    const times = this.retired.get(versionOf(config)) ?? []
    if (times.some((time) => time >= since && this.timeline.now >= time + Duration.toMillis(TIMES.drain))) return true
    // With a session goes what only it used.
    if (lane._tag !== "Session") return false
    return [...this.instance.get(Sessions).all()].every(({ key }) => key !== lane.session)
  }

  /** Puts what is configured into force. */
  reload(): void {
    if (!this.isUp) return
    const { instance } = this
    const next = this.configured.config()
    const before = instance.get(Fleet).config()
    // Also what an earlier change is still about to bring.
    for (const server of [...before.servers, ...this.coming]) {
      const wanted = next.servers.find(({ id }) => id === server.id)
      if (wanted !== undefined && sameConnection(server, wanted)) continue
      const version = versionOf(server)
      this.retired.set(version, [...(this.retired.get(version) ?? []), this.timeline.now])
    }
    this.coming = next.servers
    this.unsettle()
    instance.run(
      Effect.ensuring(
        instance.get(Fleet).apply(next),
        Effect.sync(() => this.unsettle())
      )
    )
    this.excuseTroubled()
  }

  /** Names and permissions change about now. */
  private unsettle(): void {
    this.changedAt = this.step
    for (const call of this.ledger.all()) {
      if (call.outcome !== undefined) continue
      call.isDenied = undefined
      this.excuse(call, "names")
    }
  }

  /** Is what is configured in force, and has been since all was at rest? */
  get isSettled(): boolean {
    return (
      this.changedAt <= this.ledger.restedAt &&
      ConfigDifference.isNone(ConfigDifference.between(this.instance.get(Fleet).config(), this.configured.config()))
    )
  }

  rules(): void {
    this.unsettle()
    runNow(this.replaceRules(this.configured.rules()))
  }

  nameOf(server: string, tool: string): string {
    const { naming, servers } = this.instance.get(Fleet).config()
    const { names } = View.schemeFor(naming, servers.length)
    return names === "plain" && servers[0]?.id === server ? tool : `${server}_${tool}`
  }

  // Clients.

  private surroundings(who: number): Surroundings {
    return {
      ledger: this.ledger,
      principal: PRINCIPALS[who] ?? person(emailOf(who)),
      connect: (client, asked, hearer) => this.connect(client, asked, hearer),
      after: (millis, act) => void this.timeline.after(millis, act),
      now: () => this.timeline.now,
      violate: this.violate,
      nameOf: (server, tool) => this.nameOf(server, tool),
      listed: () => {}
    }
  }

  private connect(client: string, asked: Asked, hearer: Hearer & { readonly refused: () => void }): () => void {
    const line = `${client} ${++this.exchanges}`
    let isOpen = true
    let close: (() => void) | undefined
    const back = (act: () => void): void => {
      if (!isOpen) return
      this.network.send(`${line} back`, () => {
        if (isOpen) act()
      })
    }
    const end = (): void =>
      back(() => {
        isOpen = false
        hearer.end()
      })
    this.network.send(line, () => {
      if (!isOpen) return
      const { cuts, instance } = this
      if (instance.isOver) {
        back(() => {
          isOpen = false
          hearer.refused()
        })
        return
      }
      cuts.add(end)
      const said = (act: () => void): void => {
        if (!instance.isOver) act()
      }
      close = instance.request(asked, {
        head: (status, headers) => said(() => back(() => hearer.head(status, headers))),
        data: (text) => said(() => back(() => hearer.data(text))),
        end: () =>
          said(() => {
            cuts.delete(end)
            end()
          })
      })
    })
    return () => {
      if (!isOpen) return
      isOpen = false
      this.network.send(line, () => close?.())
    }
  }

  // Time.

  /** Lets everything happen that can happen without time passing; or only so many turns of it. */
  async settle(turns?: number): Promise<void> {
    if (turns !== undefined) {
      this.instance.turns.run(turns)
      return
    }
    for (;;) {
      this.rest()
      await platformTurn()
      if (!this.instance.turns.areWaiting) return
    }
  }

  /** The same but for what goes on in promises. */
  private rest(): void {
    do {
      this.instance.turns.run(Infinity)
      if (this.isRestarting) this.restart()
    } while (this.network.deliver() || this.timeline.fireNext(this.timeline.now) || this.instance.turns.areWaiting)
  }

  async pass(millis: number): Promise<void> {
    const until = this.timeline.now + millis
    while (this.timeline.fireNext(until)) await this.lightly()
    this.timeline.now = until
    await this.settle()
  }

  async jump(millis: number): Promise<void> {
    this.timeline.now += millis
    const until = this.timeline.now
    while (this.timeline.fireNext(until)) await this.lightly()
    await this.settle()
  }

  /** Whatever a timer brings about. Promises are waited for only where there may be some. */
  private async lightly(): Promise<void> {
    this.rest()
    for (let hop = 0; hop < MICROTASKS && !this.instance.turns.areWaiting; hop++) await undefined
    if (this.instance.turns.areWaiting || this.cipher.uses() !== this.cipherUses) await this.settle()
    this.cipherUses = this.cipher.uses()
  }

  // What goes wrong for good reason.

  /** Is everything about a server as it should be? */
  isSound(server: string): boolean {
    const estate = this.estates.get(server)
    if (estate === undefined || !this.isUp) return false
    // What has just happened to it need not have been noticed yet.
    if ((this.disturbedAt.get(server) ?? -1) > this.ledger.restedAt) return false
    if (estate.isMute || estate.isMissing || estate.slowness > 0 || estate.busy > 0) return false
    const wanted = this.configured.config().servers.find(({ id }) => id === server)
    const shared = this.instance.get(Fleet).shared(ServerId.make(server))
    if (wanted === undefined || shared === undefined) return false
    const living = this.oversight.living(server)
    return (
      sameConnection(shared.config, wanted) &&
      statusOf(shared)._tag === "Ready" &&
      living.every((upstream) => statusOf(upstream)._tag === "Ready")
    )
  }

  excuse(call: Call, excuse: Excuse): void {
    const known = this.excuses.get(call)
    if (known === undefined) this.excuses.set(call, new Set([excuse]))
    else known.add(excuse)
  }

  /** Every call that is under way is excused, or every one that meets a condition. */
  excuseAll(excuse: Excuse, which: (call: Call) => boolean = () => true): void {
    for (const call of this.ledger.all()) if (call.outcome === undefined && which(call)) this.excuse(call, excuse)
  }

  /** Something happens to a server that its calls need not survive. */
  disturb(server: string): void {
    this.disturbedAt.set(server, this.step)
    this.excuseAll("server", (call) => call.server === server)
  }

  /** Calls to servers that are not sound are excused. */
  excuseTroubled(): void {
    for (const server of this.estates.keys()) {
      if (!this.isSound(server)) this.excuseAll("server", (call) => call.server === server)
    }
    if (!this.isUp) this.excuseAll("gateway")
  }

  /** Has every server started that was given up. */
  retry(): void {
    if (!this.isUp) return
    for (const server of this.estates.keys()) {
      const shared = this.instance.get(Fleet).shared(ServerId.make(server))
      if (shared !== undefined) this.instance.run(shared.retry)
    }
  }
}
