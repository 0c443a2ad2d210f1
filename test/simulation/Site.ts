/** A simulated server over Streamable HTTP, in either era. */
import * as Cause from "effect/Cause"
import type { Abort, Ended, HttpRequest, ResponseSink } from "../../src/upstream/HttpAgent.ts"
import { ConnectionLost } from "../../src/upstream/Transport.ts"
import type { Message } from "../support/memoryProcesses.ts"
import type { Estate } from "./Estate.ts"
import type { Network } from "./Network.ts"
import { legacy, type Line, modern, type Speaker } from "./speakers.ts"

const utf8 = (text: string): Uint8Array => Buffer.from(text)

/** The server's end of one exchange. */
class Wire {
  readonly name: string
  readonly version: string
  isOpen = true
  what = ""
  /** What to do when the client closes it. */
  onAbort: () => void = () => {}
  private hasHead = false
  private hasLeft = false
  private readonly network: Network
  private readonly sink: ResponseSink
  private readonly ended: Ended

  constructor(name: string, version: string, network: Network, sink: ResponseSink, ended: Ended) {
    this.name = name
    this.version = version
    this.network = network
    this.sink = sink
    this.ended = ended
  }

  private arrive(act: () => void): void {
    if (!this.isOpen) return
    this.network.send(this.name, () => {
      if (!this.hasLeft) act()
    })
  }

  /** The client listens no more; the server is yet to notice. */
  leave(): void {
    this.hasLeft = true
    this.network.send(this.name, () => this.aborted())
  }

  get isStreaming(): boolean {
    return this.hasHead
  }

  head(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.hasHead = true
    this.arrive(() => this.sink.head({ status, header: (name) => headers[name] }))
  }

  data(text: string): void {
    this.arrive(() => void this.sink.data(utf8(text)))
  }

  end(): void {
    this.arrive(() => this.ended(undefined))
    this.isOpen = false
  }

  /** A whole answer. */
  answer(status: number, text = "", headers: Readonly<Record<string, string>> = {}): void {
    this.head(status, headers)
    if (text !== "") this.data(text)
    this.end()
  }

  break(reason: string, unsent = false): void {
    this.arrive(() => this.ended(Cause.fail(new ConnectionLost({ reason, unsent }))))
    this.isOpen = false
  }

  private aborted(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.onAbort()
  }
}

/** The stream that answers a request; where it can be taken up again, what was said on it is kept. */
class Answering {
  readonly name: string
  private wire: Wire | undefined
  private readonly isResumable: boolean
  private readonly kept: Array<string> = []
  private isComplete = false
  /** Nobody will hear it. */
  isAbandoned = false

  constructor(name: string, wire: Wire, isResumable: boolean) {
    this.name = name
    this.wire = wire
    this.isResumable = isResumable
  }

  begin(headers: Readonly<Record<string, string>>): void {
    this.wire?.head(200, { ...headers, "content-type": "text/event-stream" })
    if (this.isResumable) this.wire?.data(`id: ${this.name}/0\nretry: 500\ndata:\n\n`)
  }

  say(message: object, isLast: boolean): void {
    const wire = this.wire?.isOpen === true ? this.wire : undefined
    if (!this.isResumable && wire?.isStreaming === false && isLast) {
      return wire.answer(200, JSON.stringify(message), { "content-type": "application/json" })
    }
    if (wire?.isStreaming === false) this.begin({})
    this.kept.push(JSON.stringify(message))
    this.isComplete ||= isLast
    wire?.data(this.event(this.kept.length))
    if (isLast) wire?.end()
  }

  private event(sequence: number): string {
    const id = this.isResumable ? `id: ${this.name}/${sequence}\n` : ""
    return `${id}data: ${this.kept[sequence - 1]}\n\n`
  }

  /** Goes on after an event on another exchange. */
  resume(wire: Wire, after: number): void {
    this.wire = wire
    wire.head(200, { "content-type": "text/event-stream" })
    for (let sequence = after + 1; sequence <= this.kept.length; sequence++) wire.data(this.event(sequence))
    if (this.isComplete) wire.end()
  }
}

/** A session of a legacy server's. */
interface Session {
  readonly speaker: Speaker
  readonly answering: Map<Message["id"], Answering>
  /** Requests that were cancelled before they came: who says both at once cannot know, and no server remembers. */
  readonly overtaken: Set<unknown>
  standing: Wire | undefined
  isAlive: boolean
}

export class Site {
  private readonly estate: Estate
  private readonly network: Network
  private readonly sessions = new Map<string, Session>()
  private readonly streams = new Map<string, Answering>()
  private readonly wires = new Set<Wire>()
  private numbers = 0

  constructor(estate: Estate, network: Network) {
    this.estate = estate
    this.network = network
  }

  /** The exchanges that are open, by what they are for. */
  get open(): ReadonlyArray<string> {
    return [...this.wires].filter(({ isOpen }) => isOpen).map(({ what }) => what)
  }

  /** Takes an exchange on. `cut` is told how to cut it off without a word, as when the client's process is gone. */
  exchange(request: HttpRequest, sink: ResponseSink, ended: Ended, cut: (abort: Abort) => void): Abort {
    const version = request.headers["x-version"] ?? ""
    const wire = new Wire(`${this.estate.setup.name} ${++this.numbers}`, version, this.network, sink, ended)
    this.wires.add(wire)
    wire.what = `${request.method} ${request.body === undefined ? "" : Buffer.concat(request.body).toString().slice(0, 200)}`
    const abort = (): void => {
      this.wires.delete(wire)
      wire.leave()
    }
    cut(abort)
    this.network.send(wire.name, () => this.receive(request, wire))
    return abort
  }

  /** All connections break. */
  reset(): void {
    for (const wire of this.wires) {
      wire.break("the connection was reset")
      // Of a modern server's request it is the end.
      if (this.estate.setup.era === "modern") wire.onAbort()
    }
    this.wires.clear()
    if (!this.estate.setup.isResumable) this.abandon()
  }

  /** Nobody will hear how what it is working on ends, and so that is nobody's business any more. */
  private abandon(): void {
    for (const { answering } of this.sessions.values()) for (const one of answering.values()) one.isAbandoned = true
  }

  /** It forgets its sessions; what it is working on it finishes. */
  expire(): void {
    for (const session of this.sessions.values()) {
      session.speaker.closed()
      session.standing?.end()
    }
    this.sessions.clear()
  }

  /** Everything that it was working on is gone, and so are its sessions. */
  crash(): void {
    for (const session of this.sessions.values()) session.isAlive = false
    this.expire()
    this.streams.clear()
    this.reset()
  }

  private receive(request: HttpRequest, wire: Wire): void {
    if (!wire.isOpen) return
    const { estate } = this
    const message =
      request.body === undefined ? undefined : (JSON.parse(Buffer.concat(request.body).toString()) as Message)
    if (estate.isMissing || estate.busy > 0) {
      // It does not hear that a call, or a session, is wanted no more: that it goes on then is nobody's fault.
      const id = request.headers["mcp-session-id"] ?? ""
      if (message?.method === "notifications/cancelled") this.sessions.get(id)?.speaker.heard(message)
      if (request.method === "DELETE") this.sessions.delete(id)
      // A stream that is not taken up again is given up.
      if (request.headers["last-event-id"] !== undefined) this.abandon()
      if (estate.isMissing) return wire.break("ECONNREFUSED", true)
      estate.busy--
      return wire.answer(503, "busy")
    }
    if (estate.setup.era === "modern") this.receiveModern(request, message, wire)
    else this.receiveLegacy(request, message, wire)
  }

  private receiveModern(request: HttpRequest, message: Message | undefined, wire: Wire): void {
    if (request.method !== "POST" || message === undefined) return wire.answer(405)
    if (message.method === "initialize") {
      const error = { code: -32602, message: "this server speaks 2026-07-28 only" }
      return wire.answer(400, JSON.stringify({ jsonrpc: "2.0", id: message.id, error }), {
        "content-type": "application/json"
      })
    }
    const answering = new Answering(wire.name, wire, false)
    const line: Line = {
      id: wire.name,
      version: wire.version,
      isAlive: () => wire.isOpen,
      isReachable: () => wire.isOpen,
      say: (said) => answering.say(said, "id" in said),
      crash: () => this.crash()
    }
    const speaker = modern(this.estate, line)
    wire.onAbort = () => {
      speaker.heard({ method: "notifications/cancelled", params: { requestId: message.id } })
      speaker.closed()
    }
    speaker.heard(message)
  }

  private receiveLegacy(request: HttpRequest, message: Message | undefined, wire: Wire): void {
    if (request.method === "POST" && message?.method === "initialize") return this.begin(message, wire)
    const id = request.headers["mcp-session-id"]
    if (id === undefined) return wire.answer(400, "Mcp-Session-Id header is required")
    const session = this.sessions.get(id)
    if (session === undefined) return wire.answer(404, "no such session")
    if (request.method === "DELETE") {
      session.isAlive = false
      session.speaker.closed()
      session.standing?.end()
      this.sessions.delete(id)
      return wire.answer(200)
    }
    if (request.method === "GET") return this.listen(session, request.headers["last-event-id"], wire)
    if (message === undefined) return wire.answer(400)
    if (message.method === undefined || message.id === undefined) {
      wire.answer(202)
      const requestId = message.method === "notifications/cancelled" ? message.params?.["requestId"] : undefined
      if (requestId !== undefined && !session.answering.has(requestId as Message["id"]))
        session.overtaken.add(requestId)
      return session.speaker.heard(message)
    }
    this.answer(session, message, wire)
    return session.speaker.heard(message)
  }

  private begin(message: Message, wire: Wire): void {
    const id = `${this.estate.setup.name}-session-${++this.numbers}`
    const session: Session = {
      answering: new Map(),
      overtaken: new Set(),
      standing: undefined,
      isAlive: true,
      speaker: legacy(this.estate, {
        id,
        version: wire.version,
        isAlive: () => session.isAlive,
        isReachable: (request) =>
          session.isAlive && this.sessions.get(id) === session && session.answering.get(request)?.isAbandoned !== true,
        say: (said, about) => this.say(session, said, about),
        crash: () => this.crash()
      })
    }
    this.sessions.set(id, session)
    const answering = new Answering(wire.name, wire, false)
    session.answering.set(message.id, answering)
    this.estate.awake(() => answering.begin({ "mcp-session-id": id }))
    session.speaker.heard(message)
  }

  private answer(session: Session, message: Message, wire: Wire): void {
    const { isResumable } = this.estate.setup
    const answering = new Answering(wire.name, wire, isResumable)
    session.answering.set(message.id, answering)
    answering.isAbandoned = session.overtaken.has(message.id)
    if (!isResumable) return
    this.streams.set(answering.name, answering)
    answering.begin({})
  }

  private say(session: Session, message: object, about: Message["id"]): void {
    const answering = session.answering.get(about)
    if (answering === undefined) {
      session.standing?.data(`data: ${JSON.stringify(message)}\n\n`)
      return
    }
    const isLast = !("method" in message)
    answering.say(message, isLast)
  }

  private listen(session: Session, lastEventId: string | undefined, wire: Wire): void {
    if (lastEventId !== undefined) {
      const [name = "", sequence = "0"] = lastEventId.split("/")
      const answering = this.streams.get(name)
      if (answering !== undefined) return answering.resume(wire, Number(sequence))
    }
    session.standing = wire
    wire.head(200, { "content-type": "text/event-stream" })
  }
}
