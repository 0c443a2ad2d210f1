/** A client of either era that calls tools one after the other, and notes what becomes of each call. */
import { setImmediate, setTimeout as sleep } from "node:timers/promises"
import { type Answer, Connection, header } from "../../bench/load/Connection.ts"
import { type Address, type Era, initialize, initialized, params, post } from "../../bench/load/Messages.ts"
import { eventsOf } from "../integration/wire.ts"
import type { Given } from "./fixture/Counted.ts"
import type { End } from "./Ledger.ts"
import type { Recorder } from "./Recorder.ts"

/** How one client differs from others. */
export interface Nature {
  readonly name: string
  readonly era: Era
  /** Is it answered with event streams where it can be? */
  readonly prefersStreams: boolean
}

interface Message {
  readonly id?: string
  readonly method?: string
  readonly result?: { readonly content?: ReadonlyArray<{ readonly text?: string }>; readonly isError?: boolean }
  readonly error?: { readonly code: number; readonly message: string }
}

/** What one call asks for. */
export interface Wish {
  readonly server: string
  readonly idempotent: boolean
  readonly given: Omit<Given, "tag">
}

const HOST = "127.0.0.1"

/** Between two tries of the same call. */
const RETRY_MILLIS = { least: 100, more: 200 }

/**
 * What has not been used for so long is not used again. A proxy that is being replaced closes what has been idle for a second,
 * and of a request that comes at that very moment nobody can tell whether it was heard (RFC 9112, section 9.5).
 */
const STALE_MILLIS = 500

/** In so many turns of the event loop whatever has come is seen by both. */
const TURNS = 4

/** A session cannot be begun while the proxy is away; how long it is tried. */
const BEGIN_MILLIS = 30_000

const messagesIn = ({ body, head }: Answer): ReadonlyArray<Message> => {
  const text = body.toString()
  const texts = (header(head, "content-type") ?? "").startsWith("text/event-stream")
    ? eventsOf(text).flatMap(({ data }) => (data === "" ? [] : [data]))
    : text === ""
      ? []
      : [text]
  return texts.map((one) => JSON.parse(one) as Message)
}

/** The ids of the answers in what a stream has said. */
export const answeredOn = (text: string): ReadonlyArray<string> =>
  eventsOf(text).flatMap(({ data }) => {
    if (data === "") return []
    const { id, method } = JSON.parse(data) as Message
    return id === undefined || method !== undefined ? [] : [id]
  })

const endOf = ({ error, result }: Message): End => {
  if (error !== undefined) return { _tag: "Error", ...error }
  if (result?.isError === true) {
    return { _tag: "Error", code: 0, message: result.content?.[0]?.text ?? "" }
  }
  return { _tag: "Result", tag: (JSON.parse(result?.content?.[0]?.text ?? "{}") as { tag?: string }).tag ?? "" }
}

export class Client {
  readonly nature: Nature
  private readonly port: number
  private readonly recorder: Recorder
  private readonly next: () => number
  /** How long one call is waited for. */
  private readonly patience: number
  private connection: Connection | undefined
  private session: Readonly<Record<string, string>> = {}
  private calls = 0
  private isStopped = false

  constructor(options: {
    readonly nature: Nature
    /** Where the proxy is reached. */
    readonly port: number
    readonly recorder: Recorder
    readonly next: () => number
    readonly patience: number
  }) {
    this.nature = options.nature
    this.port = options.port
    this.recorder = options.recorder
    this.next = options.next
    this.patience = options.patience
  }

  /** What its session is known by; nothing for a modern one. */
  get headers(): Readonly<Record<string, string>> {
    return this.session
  }

  /** Begins what has to be begun. */
  async begin(): Promise<void> {
    if (this.nature.era === "modern") return
    const until = performance.now() + BEGIN_MILLIS
    for (;;) {
      const why = await this.tryToBegin().catch((error: unknown) => String(error))
      if (why === undefined) return
      if (performance.now() > until) throw new Error(`${this.nature.name} could not begin a session: ${why}`)
      await sleep(RETRY_MILLIS.least)
    }
  }

  private async tryToBegin(): Promise<string | undefined> {
    this.session = {}
    const answer = await (await this.connected()).exchange(initialize(this.address))
    const id = header(answer.head, "mcp-session-id")
    if (id === undefined) return `HTTP ${answer.status} ${answer.body.toString()}`
    this.session = { "mcp-session-id": id }
    await (await this.connected()).exchange(initialized(this.address))
    return undefined
  }

  /** Makes calls until it is told to stop. */
  async run(wish: (next: () => number) => Wish, pause: (next: () => number) => number): Promise<void> {
    while (!this.isStopped) {
      await this.make(wish(this.next))
      await sleep(pause(this.next))
    }
    this.connection?.close()
  }

  stop(): void {
    this.isStopped = true
  }

  /** One call, and, where it may be, again until there is a result or it is given up. */
  private async make(wish: Wish): Promise<void> {
    const tag = `${this.nature.name}-${++this.calls}`
    const until = performance.now() + this.patience
    for (let nth = 1; ; nth++) {
      const end = await this.attempt(wish, tag, nth === 1 ? tag : `${tag}/${nth}`)
      if (!wish.idempotent || end?._tag === "Result" || performance.now() > until) return
      await sleep(RETRY_MILLIS.least + this.next() * RETRY_MILLIS.more)
    }
  }

  private async attempt({ given, idempotent, server }: Wish, tag: string, id: string): Promise<End | undefined> {
    const tool = `${server}_${idempotent ? "look" : "work"}`
    const own = params(
      this.nature.era,
      { name: tool, arguments: { ...given, tag } },
      (given.steps ?? 0) > 0 ? 1 : undefined
    )
    const body = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: own })
    const connection = await this.connected()
    const name = nameOf(connection)
    this.recorder.begin({ id, tag, idempotent, server, connection: name })
    const [end, instead] = await this.exchanged(connection, post(this.address, "tools/call", tool, body), id)
    this.recorder.end(id, end, instead)
    if (end?._tag === "Cut") this.recorder.broke(name, end.reason)
    // What is still under way on it would be taken for the answer to another call.
    if (end === undefined) connection.close()
    return end
  }

  /** How a request ended, or what came in place of an end. */
  private exchanged(connection: Connection, request: Buffer, id: string): Promise<readonly [End | undefined, string?]> {
    const waiting = new AbortController()
    const answered = connection.exchange(request).then(
      (answer): readonly [End | undefined, string?] => {
        if (header(answer.head, "connection")?.toLowerCase() === "close") connection.close()
        const end = this.read(answer, id)
        return end === undefined ? [undefined, `HTTP ${answer.status} ${answer.body.toString()}`] : [end]
      },
      (error: unknown): readonly [End] => [{ _tag: "Cut", reason: String(error) }]
    )
    const inVain = sleep(this.patience, [undefined] as const, { signal: waiting.signal }).catch(
      () => [undefined] as const
    )
    return Promise.race([answered, inVain]).finally(() => waiting.abort())
  }

  /** What an answer says of its call; undefined: nothing. */
  private read(answer: Answer, id: string): End | undefined {
    let end: End | undefined
    for (const message of messagesIn(answer)) {
      if (message.id === undefined || message.method !== undefined) continue
      this.recorder.heard(message.id)
      if (message.id === id) end ??= endOf(message)
    }
    return end
  }

  private get address(): Address {
    const { era, prefersStreams } = this.nature
    const answers = prefersStreams ? "stream" : "json"
    return { host: HOST, port: this.port, path: "/mcp", era, answers, headers: this.session }
  }

  /**
   * Its connection; another one where that is of no use any more. That it was closed meanwhile may have come without having
   * been seen, here or by the relay.
   */
  private async connected(): Promise<Connection> {
    const { connection } = this
    for (let turn = 0; turn < TURNS && connection?.isFresh(STALE_MILLIS) === true; turn++) await setImmediate()
    if (connection?.isFresh(STALE_MILLIS) === true) return connection
    if (connection?.whyEnded !== undefined) this.recorder.broke(nameOf(connection), connection.whyEnded)
    connection?.close()
    this.connection = await Connection.open(HOST, this.port)
    return this.connection
  }
}

const nameOf = ({ from }: Connection): string => `:${from}`
