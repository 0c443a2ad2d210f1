/** A load run: a modest principal alone, and then everybody at once. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { type Answer, Connection, header } from "../../bench/load/Connection.ts"
import { complaint } from "../../bench/load/Load.ts"
import { type Address, call, initialize, initialized, type Prepared, standing } from "../../bench/load/Messages.ts"
import { FIRST_ID, writeId } from "../../bench/load/Payload.ts"
import * as Usage from "../../bench/machine/Usage.ts"
import { projectRoot, readyProxy, type RunningProxy } from "../integration/harness.ts"
import { eventsOf, send } from "../integration/wire.ts"
import { family } from "../support/scrape.ts"
import { type Appetite, FLOOD, type Habit, MODEST, NARROW, READERS, SERVERS } from "./Appetites.ts"
import { readSlowly } from "./SlowReader.ts"
import { type Demands, type Memory, type Phase, Tally } from "./Tally.ts"

const MIB = 1024 * 1024

/** Of the proxy's settings, those that bound its memory. */
export const BUFFER_BYTES = 8 * MIB

/**
 * What a heap may hold in a small container, in MiB. With all that a machine has, Node lets garbage lie that is up to three times
 * what is in use, and what is resident says more of when it collected than of what the proxy holds.
 */
const HEAP_MIB = 128

/** The heap in full, and a quarter as much for pages that are half empty. */
const GARBAGE_BYTES = 1.25 * HEAP_MIB * MIB

export interface Options {
  readonly appetites: ReadonlyArray<Appetite>
  /** How long the modest principal has the proxy to itself, and how long everybody calls then. */
  readonly aloneMillis: number
  readonly besideMillis: number
  readonly say: (text: string) => void
  /** Another entry than the program's own, and what it is told. */
  readonly entry?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Outcome {
  readonly tally: Tally
  readonly memory: Memory
  readonly demands: Demands
}

const HOST = "127.0.0.1"

/** How long one answer is waited for. */
const PATIENCE_MILLIS = 30_000

/** How soon a stream is taken up again, as the proxy asks for. */
const RESUMED_MILLIS = 2000

/** How long a client that was refused stays away, on average. */
const REFUSED_MILLIS = 1000

const program = (name: string, ...args: ReadonlyArray<string>) => ({
  command: process.execPath,
  args: [join(projectRoot, "bench/programs", name), ...args],
  era: "legacy"
})

const keyOf = (principal: string): string => `${principal}-`.padEnd(40, "key")

const start = ({ appetites, entry, env }: Options) =>
  readyProxy({
    config: {
      mcpServers: {
        [SERVERS.narrow]: { ...program("server-stdio.ts"), maxConcurrentCalls: NARROW.concurrent },
        [SERVERS.wide]: program("server-stdio.ts")
      }
    },
    ...(entry === undefined ? {} : { entry }),
    env: {
      MCP_HOST: HOST,
      MCP_AUTH_PROVIDER: "demo",
      // Drawn at random, or the start would stretch it, in memory that is weighed here.
      GOOGLE_JWT_KEY: randomBytes(32).toString("hex"),
      MCP_API_KEYS: appetites.map(({ principal }) => `${keyOf(principal)}:${principal}`).join(","),
      // What is asked here is who is served when; a bound on their rate would keep them from asking.
      MCP_RATE_LIMIT: "0",
      MCP_BUFFER_BYTES: `${BUFFER_BYTES / MIB} MiB`,
      MCP_MAX_MESSAGE: "2 MiB",
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
      ...env
    }
  })

interface Client {
  readonly principal: string
  readonly address: Address
  readonly habit: Habit
}

/** Half of them are of either era. */
const clientsOf = (proxy: RunningProxy, appetites: ReadonlyArray<Appetite>): ReadonlyArray<Client> =>
  appetites.flatMap(({ clients, habit, principal }) =>
    Array.from({ length: clients }, (_, index) => ({
      principal,
      habit,
      address: {
        host: HOST,
        port: proxy.port,
        path: "/mcp",
        era: index % 2 === 0 ? ("legacy" as const) : ("modern" as const),
        answers: habit._tag === "Reads" ? ("only json" as const) : ("json" as const),
        headers: { authorization: `Bearer ${keyOf(principal)}` }
      }
    }))
  )

const withSession = async (address: Address): Promise<Address> => {
  if (address.era === "modern") return address
  const connection = await Connection.open(HOST, address.port)
  const { body, head, status } = await connection.exchange(initialize(address))
  const id = header(head, "mcp-session-id")
  if (id === undefined) throw new Error(`no session: HTTP ${status} ${body.toString()}`)
  const begun = { ...address, headers: { ...address.headers, "mcp-session-id": id } }
  await connection.exchange(initialized(begun))
  connection.close()
  return begun
}

/** Runs until it is over, and notes what it gets. */
type Caller = (tally: Tally, phase: Phase, until: number) => Promise<void>

let lastId = FIRST_ID

/** The id of the last event of a stream that ended, or undefined of what is none. */
const lastEventOf = ({ body, head }: Answer): string | undefined =>
  header(head, "content-type")?.startsWith("text/event-stream") === true
    ? eventsOf(body.toString()).findLast(({ id }) => id !== undefined)?.id
    : undefined

/** The answer to a request. A stream of a session that ends before it, as one does for which there is no room, is taken up again. */
const answerTo = async (connection: Connection, address: Address, request: Prepared, id: number) => {
  const until = performance.now() + PATIENCE_MILLIS
  let answer = await exchanged(connection, request.bytes)
  for (;;) {
    if (typeof answer === "string") return answer
    const wrong = complaint(request, id, answer)
    const last = wrong === undefined ? undefined : lastEventOf(answer)
    if (last === undefined || answer.body.includes(`"id":${id}`) || performance.now() > until) return wrong
    await sleep(RESUMED_MILLIS)
    answer = await exchanged(
      connection,
      standing({ ...address, headers: { ...address.headers, "last-event-id": last } })
    )
  }
}

const exchanged = (connection: Connection, bytes: Buffer): Promise<Answer | string> => {
  const waiting = new AbortController()
  return Promise.race([
    connection.exchange(bytes),
    sleep(PATIENCE_MILLIS, `nothing within ${PATIENCE_MILLIS} ms`, { signal: waiting.signal })
  ])
    .catch((error: unknown) => `a connection error: ${String(error)}`)
    .finally(() => waiting.abort())
}

/** One call after another. Whoever is refused stays away for a while. */
const calls =
  (principal: string, address: Address, requests: ReadonlyArray<Prepared>, pause: number): Caller =>
  async (tally, phase, until) => {
    let connection = await Connection.open(HOST, address.port)
    // Not all at once.
    await sleep(Math.random() * pause)
    for (let nth = 0; performance.now() < until; nth++) {
      const request = requests[nth % requests.length]
      if (request === undefined) break
      if (!connection.isFresh()) {
        connection.close()
        connection = await Connection.open(HOST, address.port)
      }
      const before = performance.now()
      const id = ++lastId
      for (const at of request.ids) writeId(request.bytes, at, id)
      const wrong = await answerTo(connection, address, request, id)
      if (wrong === undefined) tally.answered(principal, phase, performance.now() - before)
      const isRefused = wrong !== undefined && tally.missed(principal, wrong)
      await sleep(isRefused ? REFUSED_MILLIS * (0.5 + Math.random()) : pause * (0.5 + Math.random()))
    }
    connection.close()
  }

/** Answers that are read little by little; the time of each is that of all that were asked for with it. */
const reads =
  (principal: string, address: Address, { atOnce, bytes, pace }: Extract<Habit, { _tag: "Reads" }>): Caller =>
  async (tally, phase, until) => {
    while (performance.now() < until) {
      const request = call(address, `${SERVERS.wide}_large`, { bytes })
      const before = performance.now()
      const requests = Array.from({ length: atOnce }, () => Buffer.from(request.bytes))
      const answers = await readSlowly({ host: HOST, port: address.port }, requests, pace)
      let refused = 0
      for (const answer of answers) {
        if (answer.startsWith("HTTP 200") && !answer.includes('"error"')) {
          tally.answered(principal, phase, performance.now() - before)
        } else if (tally.missed(principal, answer)) refused++
      }
      await sleep(refused * REFUSED_MILLIS * Math.random())
    }
  }

const callerOf = async ({ address, habit, principal }: Client): Promise<Caller> => {
  const begun = await withSession(address)
  return habit._tag === "Calls"
    ? calls(principal, begun, habit.requests(begun), habit.pause)
    : reads(principal, begun, habit)
}

/** Looks again and again, and keeps the most that it has seen. */
const watch = (proxy: RunningProxy, memory: { peak: number; buffered: number }) =>
  Effect.gen(function* () {
    const { status, text } = yield* send(`http://${HOST}:${proxy.port}/metrics`)
    if (status !== 200) return yield* Effect.die(new Error(`/metrics answered HTTP ${status}: ${text}`))
    memory.buffered = Math.max(memory.buffered, family(text, "mcp_proxy_buffered_bytes")[""] ?? Number.NaN)
    memory.peak = Math.max(memory.peak, residentOf(proxy))
    yield* Effect.sleep(250)
  }).pipe(Effect.forever)

const residentOf = ({ pid }: RunningProxy): number => Usage.memory(pid).resident * 1_000_000

export const run = Effect.fnUntraced(function* (options: Options) {
  const { aloneMillis, appetites, besideMillis, say } = options
  const proxy = yield* start(options)
  const clients = clientsOf(proxy, appetites)
  const callers = yield* Effect.forEach(
    clients,
    (client) =>
      Effect.map(
        Effect.promise(() => callerOf(client)),
        (caller) => ({ caller, ...client })
      ),
    { concurrency: 20 }
  )
  const tally = new Tally()
  const together = (some: typeof callers, phase: Phase, millis: number) =>
    Effect.promise(() => {
      const until = performance.now() + millis
      return Promise.all(some.map(({ caller }) => caller(tally, phase, until)))
    })
  say(`${clients.length} clients are there; the modest ones call alone`)
  yield* together(
    callers.filter(({ principal }) => principal === MODEST),
    "alone",
    aloneMillis
  )
  const idle = residentOf(proxy)
  const memory = { idle, peak: idle, buffered: 0 }
  say("everybody calls")
  const watching = yield* Effect.forkScoped(watch(proxy, memory))
  yield* together(callers, "beside", besideMillis)
  yield* Fiber.interrupt(watching)
  const demands: Demands = {
    modest: MODEST,
    factor: 15,
    bufferBytes: BUFFER_BYTES,
    growth: 2 * BUFFER_BYTES + GARBAGE_BYTES,
    principals: appetites.map(({ principal }) => principal),
    unhurried: [READERS],
    met: [
      [FLOOD, "MCP_MAX_QUEUED_PER_USER"],
      [READERS, "MCP_BUFFER_BYTES"]
    ]
  }
  const outcome: Outcome = { tally, memory, demands }
  return outcome
}, Effect.scoped)
