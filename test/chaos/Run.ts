/** A whole run: clients that call, faults that are injected meanwhile, and what of it all is held against the ledger. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { random } from "../fuzz/mutate.ts"
import { survivors } from "../integration/harness.ts"
import { openStream } from "../integration/wire.ts"
import { answeredOn, Client, type Nature, type Wish } from "./Client.ts"
import * as Estate from "./Estate.ts"
import * as Faults from "./Faults.ts"
import * as House from "./House.ts"
import type { Account, Fault } from "./Ledger.ts"
import { Recorder } from "./Recorder.ts"
import * as Relay from "./Relay.ts"
import * as Schedule from "./Schedule.ts"

export interface Options {
  readonly seed: number
  /** How long faults are injected. */
  readonly millis: number
  readonly counts: Schedule.Counts
  readonly clients: number
  /** Which servers; all by default. */
  readonly only?: ReadonlyArray<string>
  /** How long a client waits for one answer. */
  readonly patience: number
  /** Told what happens. */
  readonly say: (text: string) => void
  /** Another entry than the program's own, and what it is told. */
  readonly entry?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Outcome extends Account {
  /** What was still there after all had ended. */
  readonly left: ReadonlyArray<string>
  /** What the proxy printed. */
  readonly output: string
}

/** Before the first fault and after the last one. */
const QUIET = "1 second"

const nature = (index: number): Nature => ({
  name: `${index % 2 === 0 ? "legacy" : "modern"}-${index}`,
  era: index % 2 === 0 ? "legacy" : "modern",
  prefersStreams: index % 3 === 0
})

/** Mostly short ones, now and then a long one, a large one, or one that shows progress. */
const wishes =
  (servers: ReadonlyArray<Estate.Server>) =>
  (next: () => number): Wish => {
    const millis = next() < 0.1 ? 300 * next() : 30 * next()
    const bytes = next() < 0.05 ? 200_000 * next() : 2000 * next()
    return {
      server: servers[Math.floor(next() * servers.length)]?.name ?? "",
      idempotent: next() < 0.4,
      given: { millis: Math.floor(millis), bytes: Math.floor(bytes), steps: next() < 0.1 ? 3 : 0 }
    }
  }

const pause = (next: () => number): number => 20 + 160 * next()

/** Listens on a session's own stream, on which no answer to a call must come, as often as that ends. */
const listen = (client: Client, port: number, recorder: Recorder) =>
  Effect.gen(function* () {
    const stream = yield* openStream(`http://127.0.0.1:${port}/mcp`, client.headers)
    const gather = Effect.sync(() => answeredOn(stream.text()).forEach((id) => recorder.heard(id)))
    const ended: Effect.Effect<void> = Effect.suspend(() =>
      stream.ended() ? Effect.void : Effect.andThen(Effect.sleep(100), ended)
    )
    yield* ended.pipe(Effect.ensuring(Effect.andThen(stream.close, gather)))
  }).pipe(Effect.andThen(Effect.sleep(200)), Effect.forever)

/** Injects what is planned when its time has come. What concerns everybody has the stage to itself. */
const perform = Effect.fnUntraced(function* (
  around: Faults.Surroundings,
  planned: ReadonlyArray<Schedule.Planned>,
  say: (text: string) => void
) {
  const faults: Array<Fault> = []
  const busy = new Set<Estate.Server>()
  const running = yield* FiberSet.make<void>()
  const begunAt = performance.now()
  const once = (what: Schedule.Planned, server: Estate.Server | undefined) =>
    Effect.map(Faults.run(around, what, server), (fault) => {
      faults.push(fault)
      const { injectedAt, missed, overAt } = fault
      const from = ((injectedAt - begunAt) / 1000).toFixed(1)
      const took = ((overAt - injectedAt) / 1000).toFixed(1)
      say(`${from} s: ${fault.what}, over after ${took} s${missed === undefined ? "" : `: NOT SEEN: ${missed}`}`)
    })
  /** One that nothing is being done to. */
  const subject = ({ kind, nth, whom }: Schedule.Planned): Effect.Effect<Estate.Server> =>
    Effect.suspend(() => {
      const free = around.servers.filter((server) => !busy.has(server) && Faults.isSubject(kind, nth, server))
      const chosen = free[Math.floor(whom * free.length)]
      if (chosen === undefined) return Effect.andThen(Effect.sleep(50), subject({ kind, nth, whom, at: 0 }))
      busy.add(chosen)
      return Effect.succeed(chosen)
    })
  // What comes after keeps its distance, or all that was held up would come at once.
  let heldUp = 0
  for (const what of planned) {
    yield* Effect.sleep(Math.max(0, begunAt + heldUp + what.at - performance.now()))
    if (what.kind === "restart the proxy" || what.kind === "kill the proxy") {
      const since = performance.now()
      yield* FiberSet.awaitEmpty(running)
      yield* once(what, undefined)
      heldUp += performance.now() - since
    } else if (Faults.needsServer(what)) {
      const server = yield* subject(what)
      const whole = Effect.ensuring(
        once(what, server),
        Effect.sync(() => busy.delete(server))
      )
      yield* FiberSet.run(running, whole)
    } else yield* FiberSet.run(running, once(what, undefined))
  }
  yield* FiberSet.awaitEmpty(running)
  return faults
})

/** Does anybody still listen there? */
const isOpen = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect({ port, host: "127.0.0.1" })
    socket.on("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.on("error", () => resume(Effect.succeed(false)))
  })

interface Ran extends Account {
  readonly ports: ReadonlyArray<number>
  readonly output: string
}

const within = Effect.fnUntraced(function* (options: Options, folder: string, marker: string) {
  const { clients: count, millis, say, seed } = options
  const servers = yield* Estate.open(folder, marker, options.only)
  const house = yield* House.open({ ...options, servers, folder, marker })
  const relay = yield* Relay.open(house.port)
  const recorder = new Recorder()
  const clients = Array.from(
    { length: count },
    (_, index) =>
      new Client({
        nature: nature(index),
        port: relay.port,
        recorder,
        next: random(seed + index),
        patience: options.patience
      })
  )
  yield* Effect.promise(() => Promise.all(clients.map((client) => client.begin())))
  say(`${count} clients call ${servers.length} servers`)
  const listening = yield* FiberSet.make<never>()
  for (const client of clients.filter(({ nature }) => nature.era === "legacy")) {
    yield* FiberSet.run(listening, listen(client, relay.port, recorder))
  }
  const calling = Promise.all(clients.map((client) => client.run(wishes(servers), pause)))
  const stop = Effect.andThen(
    Effect.sync(() => clients.forEach((client) => client.stop())),
    Effect.promise(() => calling)
  )
  const faults = yield* Effect.sleep(QUIET).pipe(
    Effect.andThen(perform({ house, servers, relay, recorder }, Schedule.plan(seed, millis, options.counts), say)),
    Effect.tap(Effect.sleep(QUIET)),
    Effect.ensuring(stop)
  )
  yield* FiberSet.clear(listening)
  const ports = [house.port, relay.port, ...servers.flatMap(({ relay }) => (relay === undefined ? [] : [relay.port]))]
  const ran: Ran = {
    calls: recorder.calls(),
    faults,
    executions: Estate.executions(folder),
    ports,
    output: house.output()
  }
  return ran
})

/** Runs it, and looks at what is left when everything has ended. */
export const run = (options: Options): Effect.Effect<Outcome> =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-proxy-chaos-"))),
    Effect.fnUntraced(function* (folder) {
      const marker = randomUUID()
      const scope = yield* Scope.make()
      const ran = yield* within(options, folder, marker).pipe(
        Scope.provide(scope),
        Effect.onExit(() => Scope.close(scope, Exit.void))
      )
      const listening = yield* Effect.filter(ran.ports, isOpen)
      const left = [
        ...survivors(marker).map(({ command, pid }) => `process ${pid} is left: ${command}`),
        ...listening.map((port) => `somebody listens on ${port}`)
      ]
      return { ...ran, left }
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
