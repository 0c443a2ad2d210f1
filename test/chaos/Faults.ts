/** Faults, and how each is seen to take effect. */
import * as Effect from "effect/Effect"
import { isAlive } from "../integration/harness.ts"
import { RESTART, type Server } from "./Estate.ts"
import type { House } from "./House.ts"
import type { Fault, Target } from "./Ledger.ts"
import type { Recorder } from "./Recorder.ts"
import type { Relay } from "./Relay.ts"
import type { Kind, Planned } from "./Schedule.ts"

export interface Surroundings {
  readonly house: House
  readonly servers: ReadonlyArray<Server>
  /** What stands between clients and the proxy. */
  readonly relay: Relay
  readonly recorder: Recorder
}

/** Undefined: it was seen. Else what was not. */
type Sight = Effect.Effect<string | undefined>

/** How long anything may take to be seen. */
const SIGHT_MILLIS = 30_000

/** Of these a flood has so many. */
const FLOOD = 2000

const see = (what: string, holds: () => boolean, millis = SIGHT_MILLIS): Sight => {
  const until = performance.now() + millis
  const look: Sight = Effect.suspend(() => {
    if (holds()) return Effect.undefined
    return performance.now() > until
      ? Effect.succeed(`not seen within ${millis} ms: ${what}`)
      : Effect.andThen(Effect.sleep(20), look)
  })
  return look
}

/** One after the other, up to the first that is not seen. */
const all = (...sights: ReadonlyArray<Sight>): Sight =>
  sights.reduce((before, next) =>
    Effect.filterOrElse(
      before,
      (missed) => missed !== undefined,
      () => next
    )
  )

/** The server answers through the proxy, as the process that it is now. */
const isBack = (house: House, server: Server): Sight => {
  const until = performance.now() + SIGHT_MILLIS
  const look: Sight = Effect.flatMap(house.call(server, "look"), (said) => {
    if (said.pid === server.pid()) return Effect.undefined
    return performance.now() > until
      ? Effect.succeed(`${server.name} is not back: ${said.error?.message ?? `process ${said.pid} answers`}`)
      : Effect.andThen(Effect.sleep(50), look)
  })
  return Effect.suspend(() => look)
}

/** Does something, and keeps when, and what was seen of it. */
const inject = (what: string, target: Target, sight: Sight, { cuts = false, settleMillis = 0 } = {}) =>
  Effect.suspend(() => {
    const injectedAt = performance.now()
    return Effect.map(Effect.tap(sight, Effect.sleep(settleMillis)), (missed): Fault => {
      return { what, target, cuts, injectedAt, overAt: performance.now(), missed }
    })
  })

/** Each client may have a connection of its own to a remote server, and each comes back within its own time. */
const onServer = (what: string, server: Server, sight: Sight) =>
  inject(`${what} ${server.name}`, { _tag: "Server", server: server.name }, sight, {
    settleMillis: server.transport === "stdio" ? 0 : RESTART.settleMillis
  })

const act = (what: () => void): Sight => Effect.asVoid(Effect.sync(what)) as Sight

const kill = ({ house }: Surroundings, server: Server) =>
  Effect.suspend(() => {
    const pid = server.pid()
    return onServer(
      "kill",
      server,
      all(
        act(() => process.kill(pid, "SIGKILL")),
        see("another process", () => server.pid() !== pid),
        isBack(house, server)
      )
    )
  })

/** What a call to a server that hangs is answered with: itself, together with it, or after it was found to. */
const HANGS = /^1504 | hung during the call |\(timed out; /u

/** A local one is replaced; a remote one goes on after a while. */
const hang = ({ house }: Surroundings, server: Server) =>
  Effect.suspend(() => {
    const pid = server.pid()
    const timedOut: Sight = Effect.map(house.call(server, "work"), ({ error }) =>
      error !== undefined && HANGS.test(`${error.code} ${error.message}`)
        ? undefined
        : `a call did not time out: ${error?.message ?? "it was answered"}`
    )
    const over =
      server.transport === "stdio"
        ? see("another process", () => server.pid() !== pid)
        : act(() => process.kill(pid, "SIGCONT"))
    return onServer(
      "hang",
      server,
      all(
        act(() => process.kill(pid, "SIGSTOP")),
        timedOut,
        over,
        isBack(house, server)
      )
    )
  })

const flood = ({ house }: Surroundings, server: Server) => {
  const noted = new RegExp(`${server.name} (?:sent|wrote|printed|did so \\d+ more)`, "gu")
  const notes = (): number => [...house.output().matchAll(noted)].length
  return Effect.suspend(() => {
    const before = notes()
    const flooded: Sight = Effect.map(house.call(server, "flood", { steps: FLOOD }), ({ error, steps }) => {
      if (error !== undefined) return `the call failed: ${error.message}`
      return steps < FLOOD ? `only ${steps} of ${FLOOD} messages came through` : undefined
    })
    const junk = see("junk in the log", () => notes() > before)
    return onServer("flood from", server, server.transport === "stdio" ? all(flooded, junk) : flooded)
  })
}

/** Of a connection with a call under way. */
const resetClient = ({ recorder, relay }: Surroundings, whom: number) =>
  Effect.gen(function* () {
    // The relay may not have noticed yet one that has just been opened.
    const underWay = () => {
      const open = new Set(relay.open().map((port) => `:${port}`))
      return recorder.underWay().filter(({ connection }) => open.has(connection))
    }
    yield* see("a call under way", () => underWay().length > 0)
    const calls = underWay()
    const connection = calls[Math.floor(whom * calls.length)]?.connection ?? ""
    return yield* inject(
      `reset of ${connection}`,
      { _tag: "Connection", connection },
      Effect.suspend(() =>
        relay.reset(Number(connection.slice(1)))
          ? see("the client's connection breaks", () => recorder.whyBroken(connection) !== undefined, 5000)
          : Effect.succeed("it was gone already")
      ),
      { cuts: true }
    )
  })

/** Of all the connections that the proxy has to it, for nobody knows which of them are in use. */
const resetServer = ({ house }: Surroundings, server: Server, relay: Relay) =>
  Effect.gen(function* () {
    yield* see("a connection", () => relay.open().length > 0)
    const before = relay.accepted()
    return yield* onServer(
      "reset of connections to",
      server,
      all(
        act(() => relay.open().forEach(relay.reset)),
        see("another connection", () => relay.accepted() > before),
        isBack(house, server)
      )
    )
  })

const said = (house: House, pattern: RegExp): number => [...house.output().matchAll(pattern)].length

/** Three ways in which a changed file comes into force. */
const triggers = (house: House): ReadonlyArray<Effect.Effect<void>> => [
  Effect.suspend(() => house.proxy().signal("SIGHUP")),
  Effect.void,
  house.reload
]

/** Writes the file, has it read, and sees that it is in force. */
const reloaded = (house: House, nth: number, change: Parameters<House["configure"]>[0], log?: RegExp): Sight =>
  Effect.gen(function* () {
    const before = yield* house.loadedAt
    const times = log === undefined ? 0 : said(house, log)
    yield* house.configure(change)
    yield* triggers(house)[nth % 3] ?? Effect.void
    let loadedAt = before
    const missed = yield* all(
      Effect.raceFirst(
        see("the file is in force (/ready)", () => loadedAt > before),
        Effect.forever(
          Effect.andThen(
            Effect.map(house.loadedAt, (at) => void (loadedAt = at)),
            Effect.sleep(50)
          )
        )
      ),
      log === undefined ? Effect.undefined : see(`the log says ${log}`, () => said(house, log) > times)
    )
    return missed
  })

const nobody: Target = { _tag: "Server", server: "spare" }

/** What it does to nobody: another order of servers, one server more, one server less. */
const harmlessReload = ({ house }: Surroundings, nth: number) => {
  if (nth % 2 === 0) {
    const reverse = reloaded(house, 1, (configuration) => {
      configuration.isReversed = !configuration.isReversed
    })
    return inject("reload in another order", nobody, reverse)
  }
  const toggle = reloaded(
    house,
    nth,
    (configuration) => {
      configuration.hasSpare = !configuration.hasSpare
    },
    /Reloaded .*(?:added|removed) spare/gu
  )
  return inject("reload with another server", nobody, toggle)
}

const reload = ({ house }: Surroundings, server: Server, nth: number) =>
  Effect.suspend(() => {
    const pid = server.pid()
    const applied = reloaded(
      house,
      nth,
      ({ forms }) => void forms.set(server.name, (forms.get(server.name) ?? 0) + 1),
      new RegExp(`Reloaded .*\\b${server.name} \\(`, "gu")
    )
    const changed = server.transport === "stdio" ? see("another process", () => server.pid() !== pid) : Effect.undefined
    return onServer("reload of", server, all(applied, changed, isBack(house, server)))
  })

/** Ends the proxy and starts the next; of the former and of its servers nothing is left. */
const replaceProxy = ({ house, servers }: Surroundings, signal: "SIGTERM" | "SIGKILL") =>
  Effect.gen(function* () {
    const { pid } = house.proxy()
    const children = servers.filter(({ transport }) => transport === "stdio")
    const former = [pid, ...children.map((server) => server.pid())]
    let missed: string | undefined
    const fault = yield* inject(
      signal === "SIGTERM" ? "restart of the proxy" : "kill of the proxy",
      { _tag: "Proxy" },
      Effect.void as Sight,
      { cuts: signal === "SIGKILL" }
    )
    const ending = yield* house.replace(signal)
    if (ending !== (signal === "SIGTERM" ? 0 : signal)) missed = `it ended with ${ending}`
    missed ??= yield* all(
      ...servers.map((server) => isBack(house, server)),
      see("the former processes are gone", () => former.every((one) => !isAlive(one)))
    )
    return { ...fault, overAt: performance.now(), missed }
  })

/** What a fault of this kind may be done to. */
export const isSubject = (kind: Kind, nth: number, server: Server): boolean => {
  if (kind === "reset a server") return server.transport !== "stdio"
  // Local and remote ones are changed over in different ways.
  if (kind === "reload") return (server.transport === "stdio") === (nth % 2 === 0)
  return true
}

/** Does one of the reloads, every fourth, concern no server? */
const isHarmless = (nth: number): boolean => nth % 4 === 3

export const needsServer = ({ kind, nth }: Planned): boolean =>
  kind === "reload"
    ? !isHarmless(nth)
    : kind === "kill" || kind === "hang" || kind === "flood" || kind === "reset a server"

/** Injects it, waits until it is over, and says what was seen of it. */
export const run = (around: Surroundings, { kind, nth, whom }: Planned, server: Server | undefined) => {
  switch (kind) {
    case "reset a client":
      return resetClient(around, whom)
    case "restart the proxy":
      return replaceProxy(around, "SIGTERM")
    case "kill the proxy":
      return replaceProxy(around, "SIGKILL")
    case "reload":
      return server === undefined ? harmlessReload(around, Math.floor(nth / 4)) : reload(around, server, nth)
  }
  if (server === undefined) return Effect.die(new Error(`${kind} needs a server`))
  switch (kind) {
    case "kill":
      return kill(around, server)
    case "hang":
      return hang(around, server)
    case "flood":
      return flood(around, server)
    case "reset a server":
      return server.relay === undefined
        ? Effect.die(new Error(`${server.name} has no connections`))
        : resetServer(around, server, server.relay)
  }
}
