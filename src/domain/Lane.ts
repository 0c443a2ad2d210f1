/** Which connection to a server may serve which caller. */
import * as Predicate from "effect/Predicate"
import * as Struct from "effect/Struct"
import type { Principal } from "./Principal.ts"
import { ASKING_CAPABILITIES, type Capabilities, EXTENSION, LATEST_LEGACY, type LegacyRevision } from "./Protocol.ts"
import type { SessionKey, Subject } from "./ServerId.ts"

/** `shared`: one connection for all. `user`: one per principal. `session`: one per client session. */
export type Isolation = "shared" | "user" | "session"

/** Who wants to be served, as far as the choice of a connection goes. */
export interface Caller {
  readonly principal: Principal
  /** Undefined where there is none: modern clients make requests, not sessions. */
  readonly session: SessionKey | undefined
  readonly capabilities: Capabilities
  /** What is agreed on with legacy servers on their behalf. */
  readonly revision: LegacyRevision
}

/** The group of callers that share one upstream connection, and what that connection declares at initialize. */
export type Lane =
  | { readonly _tag: "Shared"; readonly capabilities: Capabilities; readonly revision: LegacyRevision }
  | {
      readonly _tag: "User"
      readonly subject: Subject
      readonly capabilities: Capabilities
      readonly revision: LegacyRevision
    }
  | {
      readonly _tag: "Session"
      readonly session: SessionKey
      readonly capabilities: Capabilities
      readonly revision: LegacyRevision
    }

/**
 * The lane of those who share: it declares nothing by which a legacy server could ask one caller about another's call. That
 * apps can be shown it does declare, for servers that show none to who does not.
 */
export const shared: Lane = {
  _tag: "Shared",
  capabilities: { extensions: { [EXTENSION.ui]: { mimeTypes: ["text/html;profile=mcp-app"] } } },
  revision: LATEST_LEGACY
}

/** Of what a client declared, the part that a server may act upon through us. Tasks are not: legacy peers have none. */
export const carried = (capabilities: Capabilities): Capabilities => {
  const asking = ASKING_CAPABILITIES.flatMap((name) =>
    capabilities[name] === undefined ? [] : [[name, capabilities[name]] as const]
  )
  const { extensions } = capabilities
  if (!Predicate.isReadonlyObject(extensions)) return Object.fromEntries(asking)
  return { ...Object.fromEntries(asking), extensions: Struct.omit(extensions, [EXTENSION.tasks]) }
}

/**
 * The lane of a caller, its principal's where it has no session: a function of the configured isolation and the caller
 * alone, never of what is running.
 */
export const laneFor = (isolation: Isolation, caller: Caller): Lane => {
  const declared = { capabilities: carried(caller.capabilities), revision: caller.revision }
  switch (isolation) {
    case "shared":
      return shared
    case "user":
      return { _tag: "User", subject: caller.principal.subject, ...declared }
    case "session":
      return caller.session === undefined
        ? { _tag: "User", subject: caller.principal.subject, ...declared }
        : { _tag: "Session", session: caller.session, ...declared }
  }
}

/** A text that is equal for equal lanes only. */
export const key = (lane: Lane): string => {
  switch (lane._tag) {
    case "Shared":
      return "shared"
    case "User":
      return `user ${JSON.stringify([lane.subject, lane.revision, lane.capabilities])}`
    case "Session":
      return `session ${lane.session}`
  }
}

/** Is the caller one of those who share this lane? */
export const serves = (lane: Lane, caller: Caller): boolean => {
  switch (lane._tag) {
    case "Shared":
      return true
    case "User":
      return lane.subject === caller.principal.subject && key(laneFor("user", caller)) === key(lane)
    case "Session":
      return lane.session === caller.session
  }
}

/** May servers on this lane put that kind of question? */
export const mayAsk = (lane: Lane, capability: string): boolean => lane.capabilities[capability] !== undefined
