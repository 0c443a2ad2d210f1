/** What is measured: a program before a server, that is started, called, and stopped. */
import { Connection, header } from "../load/Connection.ts"
import type { Lane } from "../load/Load.ts"
import * as Messages from "../load/Messages.ts"
import { type Launched, sleep } from "../machine/Launch.ts"

/**
 * `floor`: the server itself; `limit`: the least that can stand before it; `sdk`: the official SDK put together; `peer`: a
 * program of others; `bare` and `shipped`: ours, without and with sign-in, policy, audit and metrics.
 */
export type Role = "floor" | "limit" | "sdk" | "peer" | "bare" | "shipped"

/** The server behind. */
export interface Upstream {
  readonly kind: "stdio" | "http"
  readonly era: Messages.Era
  /** What it answers calls with, and what is asked for in front. */
  readonly answers: Messages.Answers
  /** What starts it, where that is the target's to do. */
  readonly command: ReadonlyArray<string>
  /** Where it is, if it is remote. */
  readonly url: string
}

export interface Target {
  readonly name: string
  readonly role: Role
  /** Can it stand before such a server, for a client of the same era? */
  readonly takes: (upstream: Upstream) => boolean
  readonly start: (upstream: Upstream) => Promise<Running>
}

/** What is counted; calls unless something else is said. */
export type Counted = "tools/call" | "tools/list"

/** Shows that calls went through what they should have gone through. */
export interface Evidence {
  /** Everything that is wrong, given that so many requests of a method succeeded since the last time. */
  readonly check: (requests: number, method?: Counted) => Promise<ReadonlyArray<string>>
}

export interface Running {
  readonly pid: number
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Does each connection have a session of its own? Some programs start a process for each, some know of none. */
  readonly sessions: "each" | "shared" | "none"
  readonly evidence?: Evidence
  readonly signal: (signal: NodeJS.Signals) => void
  readonly output: () => string
  readonly stop: () => Promise<void>
}

/** The name, for Host headers and for connecting alike. */
export const HOST = "127.0.0.1"

export const addressOf = (
  { headers, path, port }: Pick<Running, "headers" | "path" | "port">,
  { answers, era }: Pick<Upstream, "answers" | "era">
): Messages.Address => ({ host: HOST, port, path, era, answers, headers })

/** The headers that name a session. */
export type Session = Readonly<Record<string, string>>

/** Begins a legacy session. */
export const begin = async (connection: Connection, address: Messages.Address): Promise<Session> => {
  const { body, head, status } = await connection.exchange(Messages.initialize(address))
  if (status !== 200 || !body.includes('"protocolVersion"')) throw new Error(`initialize: HTTP ${status} ${body}`)
  const id = header(head, "mcp-session-id")
  const headers = id === undefined ? {} : { "mcp-session-id": id }
  await connection.exchange(Messages.initialized({ ...address, headers: { ...address.headers, ...headers } }))
  return headers
}

export type Prepare = (address: Messages.Address) => Messages.Prepared

/**
 * So many connections, each with its session where there are sessions, and a request that `prepare` makes; or with several
 * sessions that take turns, where there are to be more of them.
 */
export const lanes = async (
  running: Pick<Running, "headers" | "path" | "port" | "sessions">,
  upstream: Pick<Upstream, "answers" | "era">,
  count: number,
  prepare: Prepare,
  sessions = count
): Promise<ReadonlyArray<Lane>> => {
  const address = addressOf(running, upstream)
  const requestOf = (session: Session | undefined): Messages.Prepared =>
    prepare({ ...address, headers: { ...address.headers, ...session } })
  const made: Array<Lane & { readonly requests: Array<Messages.Prepared> }> = []
  let session: Session | undefined
  for (let index = 0; index < count; index++) {
    const connection = await Connection.open(HOST, running.port)
    const isNew = session === undefined || running.sessions === "each"
    if (upstream.era === "legacy" && running.sessions !== "none" && isNew) {
      session = await begin(connection, address)
    }
    made.push({ connection, requests: [requestOf(session)] })
  }
  for (let more = count; more < sessions; more++) {
    const lane = made[more % count]
    lane?.requests.push(requestOf(await begin(lane.connection, address)))
  }
  return made
}

/** Opens connections anew that have been idle for too long to be relied on. Sessions stay. */
export const refresh = async ({ port }: Pick<Running, "port">, all: ReadonlyArray<Lane>): Promise<void> => {
  for (const lane of all) {
    if (lane.connection.isFresh()) continue
    lane.connection.close()
    lane.connection = await Connection.open(HOST, port)
  }
}

export const close = (all: ReadonlyArray<Lane>): void => {
  for (const { connection } of all) connection.close()
}

const START_MILLIS = 90_000

/** Lists the tools once. Fails with what was answered instead. */
export const listOnce = async (
  running: Pick<Running, "headers" | "path" | "port">,
  upstream: Pick<Upstream, "answers" | "era">
): Promise<Buffer> => {
  const connection = await Connection.open(HOST, running.port)
  try {
    const address = addressOf(running, { ...upstream, answers: "json" })
    const session = upstream.era === "legacy" ? await begin(connection, address) : {}
    const { bytes } = Messages.request({ ...address, headers: { ...address.headers, ...session } }, "tools/list")
    const { body, status } = await connection.exchange(bytes)
    if (status !== 200) throw new Error(`tools/list: HTTP ${status} ${body}`)
    return body
  } finally {
    connection.close()
  }
}

/** Waits until its tools are listed. */
export const ready = async (
  process: Launched,
  running: Pick<Running, "headers" | "path" | "port">,
  upstream: Pick<Upstream, "answers" | "era">,
  everyMillis = 50
): Promise<void> => {
  const deadline = performance.now() + START_MILLIS
  for (let last = ""; ;) {
    if (process.hasEnded()) throw new Error(`it ended: ${process.output().slice(-600)}`)
    if (performance.now() > deadline) throw new Error(`it is not ready: ${last}\n${process.output().slice(-600)}`)
    try {
      const body = await listOnce(running, upstream)
      if (body.includes('echo"')) return
      last = body.toString().slice(0, 300)
    } catch (error) {
      last = (error as Error).message
    }
    await sleep(everyMillis)
  }
}
