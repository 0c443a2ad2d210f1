/** One legacy session: a client that has said `initialize`. */
import type * as Deferred from "effect/Deferred"
import { type ByteBudget, Holding } from "../domain/ByteBudget.ts"
import type { Kind } from "../domain/Catalogue.ts"
import * as Json from "../domain/Json.ts"
import type { Caller } from "../domain/Lane.ts"
import { type Owner, ownerOf } from "../domain/Owner.ts"
import type { LogLevel } from "../domain/Protocol.ts"
import type { RequestId } from "../domain/Frame.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import { TransientMap } from "../domain/TransientMap.ts"
import type { Entry } from "../domain/View.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import type { Answer } from "../upstream/Rpc.ts"
import type { EventLog } from "./EventLog.ts"
import type { ClientName, Requester } from "./Requester.ts"

/** A client that never listens must not make us remember for ever. */
const MAX_UNTOLD = 64

/** A call of the client's that is under way. */
export interface Cancellable {
  readonly cancel: () => void
}

/** A question that waits for the client's answer. */
export interface OpenQuestion {
  readonly answer: Deferred.Deferred<Answer>
  /** Sends the client's progress on it to the server that asked. */
  readonly progress: (message: Uint8Array) => void
  /** The server's own progress token, as JSON; undefined where it gave none. */
  readonly token: Uint8Array | undefined
}

export class Session implements Requester {
  /** The sealed id, as it stands in the header. */
  readonly id: string
  /** What it is called in here. */
  readonly key: SessionKey
  caller: Caller
  readonly owner: Owner | undefined
  readonly endpoint: Endpoint
  /** What the client says of itself. */
  readonly client: ClientName
  /** What the client asked to be told: the public URIs that it watches. */
  readonly watched = new Set<string>()
  readonly calls = new TransientMap<RequestId, Cancellable>()
  readonly questions = new Map<string, OpenQuestion>()
  /** Each list as it was last shown to this client, until it is told that the list changed. */
  readonly shown = new Map<Kind, ReadonlyArray<Entry>>()
  /** The connections that know this session's log level and watched resources. */
  readonly prepared = new WeakSet<object>()
  logLevel: LogLevel | undefined
  /** Epoch milliseconds. */
  lastUsed: number
  /** Since when it stands where it does among all sessions. */
  placedAt: number
  /** Until when the Store knows of its use. */
  savedAt: number
  /** Once it has ended nothing is kept of it any more but that. */
  hasEnded = false
  private standing: Array<EventLog> = []
  /** What there was to say, without hurry, while there was no standing stream to say it on. */
  private readonly untold = new Set<string>()
  private readonly untoldBytes: Holding
  private lastQuestion = 0

  constructor(
    id: string,
    caller: Caller & { readonly session: SessionKey },
    endpoint: Endpoint,
    client: ClientName,
    now: number,
    buffers: ByteBudget
  ) {
    this.id = id
    this.key = caller.session
    this.caller = caller
    this.owner = ownerOf(caller)
    this.endpoint = endpoint
    this.client = client
    this.lastUsed = now
    this.placedAt = now
    this.savedAt = now
    this.untoldBytes = new Holding(buffers)
  }

  /** A request id for a question, unlike any other of this session's. */
  nextQuestionId(): string {
    return `mcp-proxy-${++this.lastQuestion}`
  }

  /** The client opened, or took up again, a standing stream. Messages go to the latest. */
  attach(log: EventLog): void {
    this.detach(log)
    this.standing.push(log)
    for (const message of this.untold) log.append(Json.utf8(message))
    this.untold.clear()
    this.untoldBytes.become(0)
    // It may have been ended between the client's asking to listen and its listening.
    if (this.hasEnded) log.finish()
  }

  detach(log: EventLog): void {
    this.standing = this.standing.filter((other) => other !== log)
  }

  /** Says something that belongs to no call; later, if the client listens to nothing at present. */
  tell(message: Uint8Array): void {
    const { listening } = this
    if (listening !== undefined) {
      listening.append(message)
      return
    }
    const text = Buffer.from(message).toString()
    if (this.untold.has(text) || this.untold.size >= MAX_UNTOLD) return
    if (this.untoldBytes.add(message.length)) this.untold.add(text)
  }

  /** It is let go from memory: calls are cancelled, streams end, and what was not told yet is not told. */
  dismiss(): void {
    for (const [, call] of this.calls) call.cancel()
    for (const stream of this.standing) stream.finish()
    this.untold.clear()
    this.untoldBytes.release()
  }

  /** Where to put what belongs to no call; undefined while the client listens to nothing. */
  get listening(): EventLog | undefined {
    return this.standing.at(-1)
  }

  get standingStreams(): ReadonlyArray<EventLog> {
    return this.standing
  }
}
