/**
 * Which era does a server speak? What the outcome of asking it with server/discover says (2026-07-28, basic/versioning and
 * the pages of both transports, §Backward Compatibility).
 */
import * as Predicate from "effect/Predicate"
import type * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import {
  CODE,
  isLegacyRevision,
  isModernRevision,
  META,
  MODERN_REVISIONS,
  type ModernRevision
} from "../domain/Protocol.ts"
import type { Evidence } from "../domain/UpstreamFailure.ts"
import type { Peer } from "./Upstream.ts"

export type Outcome =
  | { readonly _tag: "Answered"; readonly frame: Frame.Frame }
  /** HTTP turned it down with this status. */
  | {
      readonly _tag: "Refused"
      readonly status: number
      readonly frame: Frame.Frame | undefined
      readonly reason: string
      /** How long the server wants to be left alone. */
      readonly retryAfterMillis?: number
    }
  /** A process said nothing for as long as it was waited for. */
  | { readonly _tag: "Silent" }
  /** A process ended over it. */
  | { readonly _tag: "Ended" }

export type ModernPeer = Peer & { readonly era: "modern"; readonly revision: ModernRevision }

export type Verdict =
  | { readonly _tag: "Modern"; readonly peer: ModernPeer }
  /** To be asked once more, in this revision. */
  | { readonly _tag: "Again"; readonly revision: ModernRevision }
  | { readonly _tag: "Legacy" }
  /** No evidence of either: the connection fails for this reason. */
  | ({ readonly _tag: "Undecided"; readonly reason: string } & Evidence)

const legacy: Verdict = { _tag: "Legacy" }

/** 4xx that say nothing of what is understood: who we are, when we come, how often. */
const NO_EVIDENCE = new Set([401, 403, 408, 425, 429])

const text = (value: unknown, fallback: string): string => (typeof value === "string" ? value : fallback)

const object = (value: unknown): Readonly<Record<string, unknown>> =>
  Predicate.isReadonlyObject(value) ? (value as Readonly<Record<string, unknown>>) : {}

const revisionsOf = (value: unknown): ReadonlyArray<string> | undefined =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string") ? value : undefined

/** What a modern server said of itself. */
const peerOf = (result: Readonly<Record<string, unknown>>, revision: ModernRevision): Verdict => {
  const info = object(object(result["_meta"])[META.serverInfo])
  const instructions = text(result["instructions"], "")
  return {
    _tag: "Modern",
    peer: {
      era: "modern",
      revision,
      capabilities: object(result["capabilities"]),
      name: text(info["name"], "unnamed"),
      version: text(info["version"], "unknown"),
      instructions: instructions.trim() === "" ? undefined : instructions
    }
  }
}

/** Of a server that names its revisions, and none that is modern and known. */
const withoutMutual = (supported: ReadonlyArray<string>): Verdict =>
  supported.some(isLegacyRevision)
    ? legacy
    : {
        _tag: "Undecided",
        reason: `it speaks ${supported.join(", ")}; the latest known revision is ${MODERN_REVISIONS.at(-1)}`
      }

const judgeFrame = ({ bytes, error, result }: Frame.Frame, isRepeated: boolean): Verdict => {
  const said = object(Json.tryParse(bytes, result ?? error))
  if (error === undefined) {
    const supported = revisionsOf(said["supportedVersions"])
    if (supported === undefined) return legacy
    const mutual = MODERN_REVISIONS.findLast((revision) => supported.includes(revision))
    return mutual === undefined ? withoutMutual(supported) : peerOf(said, mutual)
  }
  const supported =
    said["code"] === CODE.unsupportedVersion ? revisionsOf(object(said["data"])["supported"]) : undefined
  if (supported === undefined) return legacy
  const mutual = supported.findLast(isModernRevision)
  if (mutual === undefined) return withoutMutual(supported)
  return isRepeated
    ? { _tag: "Undecided", reason: `it refuses the revision ${mutual}, which it says it supports` }
    : { _tag: "Again", revision: mutual }
}

/** What follows from an outcome. Whatever is not known for modern is legacy; a failure is neither. */
export const judge = (outcome: Outcome, isRepeated: boolean): Verdict => {
  switch (outcome._tag) {
    case "Answered":
      return judgeFrame(outcome.frame, isRepeated)
    case "Refused": {
      const { frame, reason, retryAfterMillis, status } = outcome
      if (retryAfterMillis !== undefined) return { _tag: "Undecided", reason, status, retryAfterMillis }
      const hint = 'to server/discover; "era": "legacy" spares an older server the question'
      if (status >= 500) return { _tag: "Undecided", reason: `${reason} (${hint})`, status }
      if (NO_EVIDENCE.has(status)) return { _tag: "Undecided", reason, status }
      return frame === undefined ? legacy : judgeFrame(frame, isRepeated)
    }
    case "Silent":
    case "Ended":
      return legacy
  }
}
