/** Everything of one schedule: the proxy, its servers, its clients, its operator, and the time in which it all happens. */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as AccessPolicy from "../../src/access/AccessPolicy.ts"
import * as Audit from "../../src/access/Audit.ts"
import { isOffered } from "../../src/domain/Catalogue.ts"
import type { QueueBounds } from "../../src/domain/FairQueue.ts"
import type { ServerConfig } from "../../src/domain/ServerConfig.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import * as View from "../../src/domain/View.ts"
import { Fleet } from "../../src/fleet/Fleet.ts"
import { RootKey } from "../../src/keys/RootKey.ts"
import * as Store from "../../src/storage/Store.ts"
import { person } from "../support/memoryGateway.ts"
import { memoryProcesses, type Program } from "../support/memoryProcesses.ts"
import type { Cipher } from "./cipher.ts"
import type { Client, Surroundings } from "./Client.ts"
import { Configured, emailOf, versionOf } from "./Configured.ts"
import { Estate, type Execution } from "./Estate.ts"
import { Excuses } from "./Excuses.ts"
import { type Call, Ledger } from "./Ledger.ts"
import { LegacyClient } from "./LegacyClient.ts"
import { ModernClient } from "./ModernClient.ts"
import type { Mutant } from "./mutants.ts"
import { Network } from "./Network.ts"
import { Operator } from "./Operator.ts"
import { statusOf } from "./Oversight.ts"
import { random } from "./random.ts"
import { Road } from "./Road.ts"
import { Site } from "./Site.ts"
import { legacy, modern } from "./speakers.ts"
import { CLIENTS, type ClientSetup, PEOPLE, type Schedule, TOOLS } from "./Step.ts"
import { Timeline } from "./Timeline.ts"
import { runNow } from "./Turns.ts"

/** Something that must hold and does not. */
export interface Violation {
  readonly invariant: string
  readonly text: string
  /** After how many steps. */
  readonly step: number
}

/** Strong enough to be taken as it is. */
const ROOT_KEY = "0123456789abcdef".repeat(4)

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
  readonly excuses: Excuses
  readonly operator: Operator
  readonly violations: Array<Violation> = []
  /** The step that is being carried out. */
  step = 0
  private readonly road: Road
  private readonly cipher: Cipher
  private cipherUses = 0
  private readonly replaceRules: Effect.Success<ReturnType<typeof AccessPolicy.fromRules>>["replace"]
  /** The step at which names or permissions changed last. */
  private changedAt = -1
  private readonly disturbedAt = new Map<string, number>()

  constructor(
    schedule: Schedule,
    options: {
      readonly cipher: Cipher
      readonly mutant?: Mutant | undefined
      /** Told when a call has ended for its client. */
      readonly onEnd: (world: World, call: Call) => void
    }
  ) {
    const { seed, setup } = schedule
    this.schedule = schedule
    this.cipher = options.cipher
    this.network = new Network(random(seed ^ 0x5eed))
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
    this.ledger = new Ledger({
      step: () => this.step,
      onEnd: (call) => options.onEnd(this, call),
      isHeard: () => this.operator.isUp
    })
    this.excuses = new Excuses(this.ledger)
    this.operator = new Operator({
      seed,
      setup,
      configured: this.configured,
      lasting: runNow(
        Layer.build(
          Layer.mergeAll(
            Layer.succeed(AccessPolicy.AccessPolicy, policy.service),
            Audit.layerMemory([]),
            RootKey.layerText(Redacted.make(ROOT_KEY)),
            Store.layerMemory
          )
        ).pipe(Scope.provide(Scope.makeUnsafe()))
      ),
      timeline: this.timeline,
      spawner: this.processes.layer,
      exchange: (request, sink, ended, cut) => {
        const site = this.sites.get(request.url.hostname.replace(/\.example$/u, ""))
        if (site === undefined) throw new Error(`there is nobody at ${request.url.href}`)
        return site.exchange(request, sink, ended, cut)
      },
      mutant: options.mutant,
      violate: this.violate,
      ending: () => {
        this.excuses.all("gateway")
        this.ledger.doubt()
      },
      // Who watches over its children ends them; its sessions elsewhere nobody will ever use again.
      killed: () => {
        for (const child of this.processes.running()) child.exit(137)
        for (const site of this.sites.values()) site.expire()
      },
      unsettled: () => this.unsettle()
    })
    this.road = new Road(this.network, () => this.operator)
    this.clients = CLIENTS.map((client) => {
      const surroundings = this.surroundings(client.person)
      return client.era === "legacy" ? new LegacyClient(client, surroundings) : new ModernClient(client, surroundings)
    })
  }

  get instance() {
    return this.operator.instance
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

  // What is configured.

  /** Puts what is configured into force. */
  reload(): void {
    this.operator.reload()
    this.excuseTroubled()
  }

  rules(): void {
    this.unsettle()
    runNow(this.replaceRules(this.configured.rules()))
  }

  /** Names and permissions change about now. */
  private unsettle(): void {
    this.changedAt = this.step
    for (const call of this.ledger.open()) {
      call.isDenied = undefined
      this.excuses.excuse(call, "names")
    }
  }

  /** Is what is configured in force, and has been since all was at rest? */
  get isSettled(): boolean {
    return this.changedAt <= this.ledger.restedAt && this.instance.get(Fleet).config() === this.configured.config()
  }

  private inForce(server: string): ServerConfig | undefined {
    return this.instance
      .get(Fleet)
      .config()
      .servers.find(({ id }) => id === server)
  }

  /** How many calls a server is given at a time at this moment, and how many may wait. */
  boundsOf(server: string): QueueBounds {
    return this.inForce(server)?.calls ?? { concurrent: 0, queued: 0 }
  }

  /** Is somebody not allowed to make such a call at this moment? */
  isDenied(person: number, server: string, tool: string): boolean {
    const filters = this.inForce(server)
    return this.configured.isDenied(person, server, tool) || (filters !== undefined && !isOffered(tool, filters))
  }

  private nameOf(server: string, tool: string): string {
    const { naming, servers } = this.instance.get(Fleet).config()
    const { names } = View.schemeFor(naming, servers.length)
    return names === "plain" && servers[0]?.id === server ? tool : `${server}_${tool}`
  }

  // Clients.

  private surroundings(who: number): Surroundings {
    return {
      ledger: this.ledger,
      principal: PRINCIPALS[who] ?? person(emailOf(who)),
      connect: (client, asked, hearer) => this.road.connect(client, asked, hearer),
      after: (millis, act) => void this.timeline.after(millis, act),
      now: () => this.timeline.now,
      violate: this.violate,
      nameOf: (server, tool) => this.nameOf(server, tool),
      listed: (client, names) => this.listed(client, names)
    }
  }

  /** What a client is told that there is, it must be allowed to use. */
  private listed({ name, person }: ClientSetup, names: ReadonlyArray<string>): void {
    if (!this.isSettled) return
    for (const server of this.estates.keys()) {
      for (const tool of TOOLS) {
        if (!this.isDenied(person, server, tool) || !names.includes(this.nameOf(server, tool))) continue
        this.violate("what is denied is not shown", `${name} was shown ${tool} of ${server}`)
      }
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
      this.operator.restart()
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
    if (estate === undefined || !this.operator.isUp) return false
    // What has just happened to it need not have been noticed yet.
    if ((this.disturbedAt.get(server) ?? -1) > this.ledger.restedAt) return false
    if (estate.isMute || estate.isMissing || estate.slowness > 0 || estate.busy > 0) return false
    const wanted = this.configured.version(server)
    const shared = this.instance.get(Fleet).shared(ServerId.make(server))
    if (wanted === undefined || shared === undefined || versionOf(shared.config) !== wanted) return false
    return (
      statusOf(shared)._tag === "Ready" &&
      !this.isHeldBack(server) &&
      this.operator.oversight.living(server).every((upstream) => statusOf(upstream)._tag === "Ready")
    )
  }

  /** Are calls to it held back because others failed? */
  isHeldBack(server: string): boolean {
    const { now } = this.timeline
    return this.operator.oversight.living(server).some(({ restraint }) => restraint.circuitAt(now) !== "closed")
  }

  /** Something happens to a server that its calls need not survive. */
  disturb(server: string): void {
    this.disturbedAt.set(server, this.step)
    this.excuses.ofServer(server)
  }

  /** Calls to servers that are not sound are excused. */
  excuseTroubled(): void {
    for (const server of this.estates.keys()) if (!this.isSound(server)) this.excuses.ofServer(server)
    if (!this.operator.isUp) this.excuses.all("gateway")
  }
}
