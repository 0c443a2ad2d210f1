/** One connection to one server, for one lane: what others may know of it and do with it. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as SubscriptionRef from "effect/SubscriptionRef"
import type { Hint } from "../domain/Caching.ts"
import type * as Catalogue from "../domain/Catalogue.ts"
import type {
  AnswerDropped,
  CallTimeout,
  LimitReached,
  OutcomeUnknown,
  UpstreamDown,
  UpstreamRefused
} from "../domain/Errors.ts"
import type * as Frame from "../domain/Frame.ts"
import type { Pieces } from "../domain/Pieces.ts"
import type { Lane } from "../domain/Lane.ts"
import type { Capabilities, Era, LogLevel } from "../domain/Protocol.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import type { ServerId, SessionKey } from "../domain/ServerId.ts"
import type { UpstreamStatus } from "../domain/UpstreamStatus.ts"
import type { Restraint } from "./Restraint.ts"
import type { CallHandlers } from "./Rpc.ts"
import type { MessageHeaders } from "./Transport.ts"

/** What a server said of itself, at initialize or in answer to server/discover. */
export interface Peer {
  readonly era: Era
  readonly revision: string
  readonly capabilities: Capabilities
  readonly name: string
  readonly version: string
  readonly instructions: string | undefined
}

/** A request for a server whose era is known only when it is sent. */
export interface Outgoing {
  readonly method: string
  /** What the header Mcp-Name mirrors: the server's own name of the tool or prompt, its own URI, its own task id. */
  readonly target?: string | undefined
  /** Arguments of a tool, parsed when they are asked for: a modern server's Mcp-Param headers are made from them. */
  readonly arguments?: () => unknown
  /** Headers that go with it where the transport has any. */
  readonly headers?: MessageHeaders | undefined
  /** The whole message under our id. A modern server's has to bear the envelope in `_meta`. */
  readonly encode: (id: number, era: Era) => Pieces
}

/** What came back, an error of the server's included, and how to read it. */
export interface Answered {
  readonly frame: Frame.Frame
  readonly era: Era
}

export interface UpstreamState {
  readonly status: UpstreamStatus
  /** The last known; kept while the server is down. */
  readonly peer: Peer | undefined
  /** The last known; kept while the server is down, so that names still resolve. */
  readonly catalogue: Catalogue.Catalogue
  /** What a modern server said of the validity of its lists; nothing of legacy ones. */
  readonly hints: Partial<Readonly<Record<Catalogue.Kind, Hint>>>
  /** How long the last start took, in milliseconds. */
  readonly startMillis: number | undefined
  /** Something the operator should know, with its remedy. */
  readonly note: string | undefined
}

/** What a server does of its own accord, for the sessions on its lane. */
export type UpstreamEvent =
  | { readonly _tag: "ListChanged"; readonly kinds: ReadonlyArray<Catalogue.Kind> }
  | { readonly _tag: "ResourceUpdated"; readonly uri: string; readonly frame: Frame.Frame }
  /** A task that is followed has got on (2026-07-28, extension tasks). */
  | { readonly _tag: "TaskChanged"; readonly taskId: string; readonly frame: Frame.Frame }
  /** Another connection has taken the place of all that there were: what they were asked for is to be asked for anew. */
  | { readonly _tag: "Replaced" }
  /** A message for the one session that the lane belongs to. */
  | { readonly _tag: "Notification"; readonly frame: Frame.Frame }

/** An event with where it comes from. */
export interface LaneEvent {
  readonly server: ServerId
  readonly lane: Lane
  readonly event: UpstreamEvent
}

export type UpstreamError = UpstreamDown | UpstreamRefused | OutcomeUnknown | AnswerDropped | CallTimeout | LimitReached

/** A server that is down is a status, never a failed build: the layer of an Upstream cannot fail. */
export class Upstream extends Context.Service<
  Upstream,
  {
    readonly config: ServerConfig
    readonly lane: Lane
    readonly state: SubscriptionRef.SubscriptionRef<UpstreamState>
    /** What holds calls back at present, on this lane and on those that have it in common with it. */
    readonly restraint: Pick<Restraint, "circuitAt" | "heldAt">
    /** Succeeds once the first start has been decided one way or the other. */
    readonly settled: Effect.Effect<void>
    /** Gives a server that was given up one more try, if its time has come, and waits for the outcome. Others are left as they are. */
    readonly retry: Effect.Effect<void>
    /** Fetches anew what of its lists has outlived its hints; at once where there is nothing to do. */
    readonly freshen: Effect.Effect<void>
    /** Is there nothing to do for it? */
    readonly isFresh: () => boolean
    /**
     * Makes a call and waits for the answer, an error of the server's included. A server still starting is waited for; one
     * that was given up gets one more try. What was certainly not sent is sent once more over the next connection.
     */
    readonly call: (request: Outgoing, handlers: CallHandlers) => Effect.Effect<Answered, UpstreamError>
    /** Hands over a notification; where there is no connection it is dropped. */
    readonly notify: (message: Uint8Array) => Effect.Effect<void>
    /**
     * Remembers that somebody watches a resource, so that a new connection watches it too. Modern servers are told of it
     * here (by the stream on which they tell of changes), legacy ones by a call of resources/subscribe.
     */
    readonly watch: (uri: string, session: SessionKey) => void
    /** Waits until a modern server listens for changes of that resource; of one that does not tell of them, for ever. */
    readonly hears: (uri: string) => Effect.Effect<void>
    /** Forgets it. True if nobody is left who watches that resource. */
    readonly unwatch: (uri: string, session: SessionKey) => boolean
    /** Wants to be told how a task gets on, by `TaskChanged`; as often unfollowed as it is followed. */
    readonly followTask: (taskId: string) => void
    readonly unfollowTask: (taskId: string) => void
    /** A session has ended: what only it watched is watched no longer. */
    readonly forget: (session: SessionKey) => Effect.Effect<void>
    /**
     * Asks for log messages of this level; on a lane that several share, the most verbose request wins. Modern servers are
     * told with each request instead.
     */
    readonly setLogLevel: (level: LogLevel) => Effect.Effect<void>
  }
>()("mcp-proxy/upstream/Upstream") {}
