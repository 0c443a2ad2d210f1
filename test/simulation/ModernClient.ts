/** A client of 2026-07-28: each request says it all; what it is asked comes as a result, and its answers as a new request. */
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

const REVISION = "2026-07-28"
const META = "io.modelcontextprotocol"

interface Sent {
  readonly id: number
  readonly call: Call | undefined
  /** The step at which it was sent. */
  readonly sent: number
  answers: number
  close: (() => void) | undefined
}

/** Requests that bring the same answers, of which one is taken. */
interface Rivals {
  left: number
  taken: number
}

const isRefusal = ({ error }: Frame): boolean => error?.code === -32602 && error.message.startsWith("requestState:")

/** A call that waits for answers. */
interface Waiting {
  readonly call: Call
  readonly name: string
  readonly keys: ReadonlyArray<string>
  readonly requestState: string | undefined
}

export class ModernClient implements Client {
  readonly setup: ClientSetup
  private readonly world: Surroundings
  private sent: Array<Sent> = []
  private waiting: Array<Waiting> = []
  private standing: (() => void) | undefined
  private lastId = 0

  constructor(setup: ClientSetup, world: Surroundings) {
    this.setup = setup
    this.world = world
  }

  isReady(): boolean {
    return true
  }

  begin(): void {}

  end(): void {
    this.vanish()
  }

  vanish(): void {
    this.unlisten()
    for (const one of this.sent) this.leave(one)
    for (const { call } of this.waiting) this.world.ledger.end(call, { _tag: "Left" })
    this.waiting = []
  }

  private leave(one: Sent): void {
    const { close } = one
    one.close = undefined
    close?.()
    if (close === undefined || one.call === undefined || one.answers > 0) return
    this.world.ledger.giveUp(one.call, one.sent)
    this.world.ledger.end(one.call, { _tag: "Left" })
  }

  private post(
    method: string,
    params: Readonly<Record<string, unknown>>,
    hearing: { readonly call?: Call; readonly heard: (frame: Frame, one: Sent) => void }
  ): Sent {
    const one: Sent = {
      id: ++this.lastId,
      call: hearing.call,
      sent: this.world.ledger.now(),
      answers: 0,
      close: undefined
    }
    this.sent.push(one)
    const envelope = {
      ...(params["_meta"] as object | undefined),
      [`${META}/protocolVersion`]: REVISION,
      [`${META}/clientCapabilities`]: this.setup.isAskable ? { elicitation: {} } : {},
      [`${META}/clientInfo`]: { name: this.setup.name, version: "1" }
    }
    const { name } = params
    const reading = new Reading((frame) => {
      if (frame.id === null) {
        // It was not even read.
        one.answers++
        const refused = { _tag: "Refused", status: reading.status, message: String(frame.error?.message) } as const
        if (one.call !== undefined) this.world.ledger.end(one.call, refused)
        return
      }
      if (frame.method === undefined) {
        if (frame.id !== one.id)
          this.world.violate("each request has one answer", `an answer to nothing: ${JSON.stringify(frame)}`)
        one.answers++
        if (one.answers > 1)
          this.world.violate("each request has one answer", `${this.setup.name} was answered ${one.answers} times`)
      }
      hearing.heard(frame, one)
    })
    const ended = (): void => {
      if (one.close === undefined) return
      one.close = undefined
      if (one.call !== undefined && one.answers === 0) this.world.ledger.end(one.call, { _tag: "Cut" })
    }
    one.close = this.world.connect(
      this.setup.name,
      {
        principal: this.world.principal,
        method: "POST",
        headers: {
          "mcp-protocol-version": REVISION,
          "mcp-method": method,
          ...(typeof name === "string" ? { "mcp-name": name } : {})
        },
        body: { jsonrpc: "2.0", id: one.id, method, params: { ...params, _meta: envelope } }
      },
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
    return one
  }

  listen(): void {
    if (this.standing !== undefined) return
    const one = this.post(
      "subscriptions/listen",
      { notifications: { toolsListChanged: true } },
      {
        heard: (frame) => {
          if (frame.result !== undefined || frame.error !== undefined) this.standing = undefined
        }
      }
    )
    this.standing = () => this.leave(one)
  }

  unlisten(): void {
    this.standing?.()
    this.standing = undefined
  }

  list(): void {
    this.post(
      "tools/list",
      {},
      {
        heard: (frame) => {
          const names = namesIn(frame)
          if (names !== undefined) this.world.listed(this.setup, names)
        }
      }
    )
  }

  call(call: Call): void {
    const name = this.world.nameOf(call.server, call.tool)
    this.attempt(call, name, {}, { left: 1, taken: 0 })
  }

  private attempt(call: Call, name: string, more: object, rivals: Rivals): void {
    this.post(
      "tools/call",
      { ...callParams(name, call), ...more },
      { call, heard: (frame, one) => this.heard(frame, one, call, name, rivals) }
    )
  }

  private heard(frame: Frame, one: Sent, call: Call, name: string, rivals: Rivals): void {
    if (frame.method !== undefined || one.answers > 1) return
    rivals.left--
    if (isRefusal(frame)) {
      if (rivals.left > 0 || rivals.taken > 0) return
    } else if (++rivals.taken > 1) {
      this.world.violate("an answer is taken once", `${call.tag} was resumed twice with one state`)
    }
    if (frame.result?.["resultType"] !== "input_required") return this.world.ledger.end(call, outcomeOf(frame))
    const { inputRequests = {}, requestState } = frame.result as {
      readonly inputRequests?: Readonly<Record<string, { readonly params: Readonly<Record<string, unknown>> }>>
      readonly requestState?: string
    }
    for (const { params } of Object.values(inputRequests)) {
      const about = this.world.ledger.find(tagOf(params))
      // A local server need not say which call it asks about: then it may be any of this person's.
      if (about?.person !== this.setup.person) {
        this.world.violate("questions reach who they are for", `${this.setup.name} was asked about ${about?.tag}`)
      }
    }
    this.waiting.push({ call, name, keys: Object.keys(inputRequests), requestState })
  }

  private open(): ReadonlyArray<Sent> {
    return this.sent.filter(({ answers, call, close }) => answers === 0 && close !== undefined && call !== undefined)
  }

  /** Closing the request says it. */
  cancel(nth: number): void {
    const one = pick(this.open(), nth)
    if (one !== undefined) this.leave(one)
  }

  drop(nth: number): void {
    this.cancel(nth)
  }

  resume(): void {}

  reply(nth: number, how: Reply): void {
    const waiting = pick(this.waiting, nth)
    if (waiting === undefined) return
    this.waiting = this.waiting.filter((other) => other !== waiting)
    const { call, keys, name, requestState } = waiting
    call.replies.push(how)
    const answer = how === "decline" ? { action: "decline" } : { action: "accept", content: {} }
    // Instead of an error it says nothing, and is asked again.
    const inputResponses = Object.fromEntries(how === "error" ? [] : keys.map((key) => [key, answer]))
    // A modern server's own state may be used as often as that server lets it.
    const attempts = how === "twice" && requestState?.startsWith("[") === false ? 2 : 1
    const rivals = { left: attempts, taken: 0 }
    for (let attempt = 0; attempt < attempts; attempt++) {
      this.attempt(call, name, { inputResponses, requestState }, rivals)
    }
  }
}
