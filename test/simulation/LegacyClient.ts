/** A client of 2025-11-25: a session, a standing stream, and streams that it takes up again where they break. */
import {
  type Client,
  type Frame,
  callParams,
  namesIn,
  outcomeOf,
  pick,
  Reading,
  type Surroundings,
  tagOf
} from "./Client.ts"
import type { Call } from "./Ledger.ts"
import type { ClientSetup, Reply } from "./Step.ts"

const REVISION = "2025-11-25"

/** How soon a stream that broke is taken up again, where the proxy does not say. */
const RETRY_MILLIS = 1000

/** How often a stream is taken up again before the answer is given up. */
const MAX_ATTEMPTS = 4

/** A session that has not been used for so long, in milliseconds, may be forgotten. */
const LEAST_IDLE = (24 * 60 - 15) * 60_000

interface Sent {
  readonly id: number
  readonly session: string
  readonly call: Call | undefined
  answers: number
  /** Closes the connection on which the answer is waited for. */
  close: (() => void) | undefined
  lastEventId: string | undefined
  attempts: number
}

interface Question {
  readonly id: number | string
  readonly session: string
  readonly call: Call | undefined
}

export class LegacyClient implements Client {
  readonly setup: ClientSetup
  private readonly world: Surroundings
  private session: string | undefined
  private isBeginning = false
  private standing: (() => void) | undefined
  private sent: Array<Sent> = []
  private questions: Array<Question> = []
  private lastId = 0
  private lastUsed = 0

  constructor(setup: ClientSetup, world: Surroundings) {
    this.setup = setup
    this.world = world
  }

  isReady(): boolean {
    return this.session !== undefined
  }

  private post(body: object, reading: Reading, ended: () => void): () => void {
    const headers =
      this.session === undefined ? {} : { "mcp-session-id": this.session, "mcp-protocol-version": REVISION }
    return this.connect({ method: "POST", headers, body: { jsonrpc: "2.0", ...body } }, reading, ended)
  }

  private connect(
    asked: {
      readonly method: "GET" | "POST" | "DELETE"
      readonly headers: Record<string, string>
      readonly body?: object
    },
    reading: Reading,
    ended: () => void
  ): () => void {
    const { principal } = this.world
    return this.world.connect(
      this.setup.name,
      { principal, ...asked },
      {
        head: (status, headers) => reading.head(status, headers),
        data: (text) => reading.data(text),
        end: () => {
          reading.end()
          ended()
        },
        refused: ended
      }
    )
  }

  begin(): void {
    if (this.session !== undefined || this.isBeginning) return
    this.isBeginning = true
    const params = {
      protocolVersion: REVISION,
      capabilities: this.setup.isAskable ? { elicitation: {} } : {},
      clientInfo: { name: this.setup.name, version: "1" }
    }
    const reading = new Reading((frame) => {
      if (frame.error !== undefined && frame.id !== null)
        this.world.violate("sessions begin", JSON.stringify(frame.error))
    })
    this.post({ id: ++this.lastId, method: "initialize", params }, reading, () => {
      this.isBeginning = false
      this.session = reading.headers["mcp-session-id"]
      this.lastUsed = this.world.now()
      if (this.session !== undefined) this.tell({ method: "notifications/initialized" })
    })
  }

  /** Sends what needs no answer. */
  private tell(message: object): void {
    const { session } = this
    const reading = new Reading(() => {})
    this.post(message, reading, () => this.noteStatus(reading.status, session))
  }

  /** A session that is gone is told by 404. */
  private noteStatus(status: number, session: string | undefined): void {
    if (status === 0 || session === undefined || session !== this.session) return
    const idle = this.world.now() - this.lastUsed
    if (status < 400) this.lastUsed = this.world.now()
    if (status !== 404) return
    if (idle < LEAST_IDLE)
      this.world.violate("sessions last", `${this.setup.name} was told that there is no such session`)
    this.session = undefined
  }

  end(): void {
    const { session } = this
    if (session === undefined) return
    this.connect({ method: "DELETE", headers: { "mcp-session-id": session } }, new Reading(() => {}), () => {})
    for (const { call } of this.sent) if (call !== undefined) this.world.ledger.giveUp(call, call.begun)
    this.session = undefined
    this.questions = []
  }

  vanish(): void {
    this.standing?.()
    this.standing = undefined
    for (const one of this.sent) this.leave(one)
    this.session = undefined
    this.questions = []
  }

  private leave(one: Sent): void {
    one.close?.()
    one.close = undefined
    if (one.call !== undefined && one.answers === 0) this.world.ledger.end(one.call, { _tag: "Left" })
  }

  listen(): void {
    if (this.session === undefined || this.standing !== undefined) return
    const { session } = this
    const reading = new Reading((frame) => this.heard(frame, session))
    this.standing = this.connect(
      { method: "GET", headers: { "mcp-session-id": this.session, "mcp-protocol-version": REVISION } },
      reading,
      () => {
        this.standing = undefined
        this.noteStatus(reading.status, session)
      }
    )
  }

  unlisten(): void {
    this.standing?.()
    this.standing = undefined
  }

  call(call: Call): void {
    const params = callParams(this.world.nameOf(call.server, call.tool), call)
    this.send("tools/call", params, call)
  }

  list(): void {
    this.send("tools/list", {}, undefined)
  }

  private send(method: string, params: object, call: Call | undefined): void {
    const { session } = this
    if (session === undefined) return
    const one: Sent = {
      id: ++this.lastId,
      session,
      call,
      answers: 0,
      close: undefined,
      lastEventId: undefined,
      attempts: 0
    }
    this.sent.push(one)
    const reading = new Reading((frame) => this.heard(frame, session))
    one.close = this.post({ id: one.id, method, params }, reading, () => this.ended(one, reading))
  }

  /** The connection on which an answer was waited for has ended. */
  private ended(one: Sent, reading: Reading): void {
    one.close = undefined
    one.lastEventId = reading.lastEventId ?? one.lastEventId
    if (one.answers > 0) return
    this.noteStatus(reading.status, one.session)
    const { call } = one
    if (reading.status >= 400) {
      if (call === undefined) return
      call.isForgotten = reading.status === 404 && one.session !== this.session
      this.world.ledger.end(call, { _tag: "Refused", status: reading.status, message: "" })
      return
    }
    if (one.lastEventId !== undefined && one.attempts < MAX_ATTEMPTS) {
      this.world.after(reading.retryMillis ?? RETRY_MILLIS, () => this.takeUp(one))
    } else if (call !== undefined) this.world.ledger.end(call, { _tag: "Cut" })
  }

  private takeUp(one: Sent): void {
    if (one.answers > 0 || one.close !== undefined || one.call?.outcome?._tag === "Left") return
    if (one.session !== this.session) {
      if (one.call !== undefined) this.world.ledger.end(one.call, { _tag: "Cut" })
      return
    }
    one.attempts++
    const reading = new Reading((frame) => this.heard(frame, one.session))
    const headers = {
      "mcp-session-id": one.session,
      "mcp-protocol-version": REVISION,
      "last-event-id": one.lastEventId ?? ""
    }
    one.close = this.connect({ method: "GET", headers }, reading, () => this.ended(one, reading))
  }

  private heard(frame: Frame, session: string): void {
    // The status says it.
    if (frame.id === null) return
    if (frame.method !== undefined) {
      if (frame.id === undefined) return this.notified(frame)
      const call = this.world.ledger.find(tagOf(frame.params))
      if (call?.person !== this.setup.person) {
        this.world.violate("questions reach who they are for", `${this.setup.name} was asked about ${call?.tag}`)
      }
      this.questions.push({ id: frame.id, session, call })
      return
    }
    const one = this.sent.find(({ id }) => id === frame.id)
    if (one === undefined)
      return this.world.violate("each request has one answer", `an answer to nothing: ${JSON.stringify(frame)}`)
    one.answers++
    if (one.answers > 1) {
      const what = one.call?.tag ?? "a list"
      return this.world.violate(
        "each request has one answer",
        `${this.setup.name} was answered ${one.answers} times: ${what}`
      )
    }
    if (one.call !== undefined) return this.world.ledger.end(one.call, outcomeOf(frame))
    const names = namesIn(frame)
    if (names !== undefined) this.world.listed(this.setup, names)
  }

  private notified({ method, params }: Frame): void {
    if (method !== "notifications/cancelled") return
    this.questions = this.questions.filter(({ id }) => id !== params?.["requestId"])
  }

  private open(): ReadonlyArray<Sent & { readonly call: Call }> {
    return this.sent.filter(
      (one): one is Sent & { readonly call: Call } =>
        one.answers === 0 && one.close !== undefined && one.call !== undefined
    )
  }

  cancel(nth: number): void {
    const one = pick(this.open(), nth)
    if (one === undefined || one.session !== this.session) return
    this.world.ledger.giveUp(one.call, one.call.begun)
    this.tell({ method: "notifications/cancelled", params: { requestId: one.id } })
  }

  drop(nth: number): void {
    const one = pick(this.open(), nth)
    if (one !== undefined) this.leave(one)
  }

  resume(nth: number): void {
    const broken = this.sent.filter(
      ({ answers, call, close, lastEventId }) =>
        answers === 0 && close === undefined && lastEventId !== undefined && call !== undefined
    )
    const one = pick(broken, nth)
    if (one?.call === undefined) return
    if (one.call.outcome?._tag === "Left") this.world.ledger.reopen(one.call)
    this.takeUp(one)
  }

  reply(nth: number, how: Reply): void {
    const question = pick(this.questions, nth)
    if (question === undefined || question.session !== this.session) return
    this.questions = this.questions.filter((other) => other !== question)
    question.call?.replies.push(how)
    const answer =
      how === "error"
        ? { error: { code: -32000, message: "no" } }
        : { result: how === "decline" ? { action: "decline" } : { action: "accept", content: {} } }
    this.tell({ id: question.id, ...answer })
    if (how === "twice") this.tell({ id: question.id, ...answer })
  }
}
