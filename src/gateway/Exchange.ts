/** A call in flight, between one client and one server: what the way through needs to know of it, whatever the era. */
import * as Effect from "effect/Effect"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import type { Request } from "../domain/ClientMessage.ts"
import type { Headers } from "../domain/Era.ts"
import * as Frame from "../domain/Frame.ts"
import { type Era, isAtLeast, isLogLevel, type LogLevel } from "../domain/Protocol.ts"
import * as Rewrite from "../domain/Rewrite.ts"
import * as Translate from "../domain/Translate.ts"
import type { ServerId } from "../domain/ServerId.ts"
import type { Use } from "../fleet/Deployment.ts"
import type { Span } from "../observability/Tracing.ts"
import type { CallHandlers } from "../upstream/Rpc.ts"
import type { Admission } from "./Limits.ts"
import type { Requester } from "./Requester.ts"
import type { Session } from "./Session.ts"

/** Makes a server's URI public; undefined where URIs are public as they are. */
export type Rename = ((uri: string) => string) | undefined

/** The end of a call: the whole response but for the id that it goes under, and the HTTP status where it goes alone. */
export interface Conclusion {
  readonly under: (id: Uint8Array) => Pieces.Pieces
  readonly status: number
}

export interface Exchange {
  /** The client's. */
  readonly era: Era
  readonly requester: Requester
  readonly request: Request
  /** The legacy session that it is part of. */
  readonly session: Session | undefined
  /** From which level on the client wants log messages; undefined: a legacy one all, a modern one none. */
  readonly logLevel: LogLevel | undefined
  /** Those of the HTTP request that brought it. */
  readonly headers: Headers
  /** The server that it is for, once that is found out; that server's own name of the tool; and what it answered. */
  server: ServerId | undefined
  tool: string | undefined
  answer: Frame.Frame | undefined
  /** What it is traced by; undefined where tracing is off. */
  span: Span | undefined
  /** Its place among the calls that are under way, and its use of the server's connection, once it has them. */
  admission: Admission | undefined
  use: Use | undefined
  /** What the server has to say meanwhile. `toServer` takes notifications for the server. */
  readonly handlers: (rename: Rename, toServer: (message: Uint8Array) => void) => CallHandlers
  /** So many seconds it has been unanswered: the client is to hear at least that we live. */
  readonly reassure: (seconds: number) => void
  /** It is under way, and this is how to cancel it. */
  readonly begun: (cancel: () => void) => void
  /** It has ended. Gives the bytes that the client was answered; undefined where it still has to come for them. */
  readonly ended: (conclusion: Conclusion) => number | undefined
}

/** Waits for an answer of the client's: meanwhile another call may take its turn. */
export const aside = <A>({ admission }: Exchange, answer: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.suspend(() => {
    admission?.place.stepAside()
    return Effect.ensuring(
      answer,
      Effect.sync(() => admission?.place.stepBack())
    )
  })

/** Is it anything but a log message below the level that was asked for? */
export const isWanted = (notification: Frame.Frame, threshold: LogLevel | undefined): boolean => {
  if (notification.method !== "notifications/message" || threshold === undefined) return true
  const level = Frame.valueAt(notification, "level")
  return !isLogLevel(level) || isAtLeast(level, threshold)
}

/** Progress under the token that the client gave; undefined where it gave none. */
export const progressFor = ({ params }: Request, frame: Frame.Frame): Uint8Array | undefined => {
  const token = tokenOf(params?.get("_meta"))
  const span = Frame.at(frame, "progressToken")
  return token === undefined || span === undefined
    ? undefined
    : Pieces.join(Json.splice(frame.bytes, [{ span, by: Json.encode(token) }]))
}

/** The progress token in a request's `_meta`. */
export const tokenOf = (meta: unknown): unknown =>
  typeof meta === "object" && meta !== null && "progressToken" in meta ? meta.progressToken : undefined

/** A notification with its URI made public, and without what is between its server and us. */
export const published = (frame: Frame.Frame, rename: Rename): Uint8Array => {
  if (frame.method !== "notifications/resources/updated") return frame.bytes
  const uris = rename === undefined ? [] : Rewrite.notificationEdits(frame, rename)
  const edits = [...uris, ...Translate.withoutSubscription(frame)].sort((a, b) => a.span.start - b.span.start)
  return Pieces.join(Json.splice(frame.bytes, edits))
}
