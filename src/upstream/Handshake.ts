/** The first words to a server: initialize to a legacy one, server/discover to one that may be modern. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Frame from "../domain/Frame.ts"
import * as Envelope from "../domain/Envelope.ts"
import * as Json from "../domain/Json.ts"
import type { Lane } from "../domain/Lane.ts"
import { isLegacyRevision, LATEST_MODERN, LEGACY_REVISIONS, type ModernRevision } from "../domain/Protocol.ts"
import { SELF } from "../observability/Version.ts"
import { encodeNotification, encodeRequest, errorOf } from "./Message.ts"
import * as Negotiation from "./Negotiation.ts"
import type * as Rpc from "./Rpc.ts"
import { MessageRefused } from "./Transport.ts"
import type { Peer } from "./Upstream.ts"

/** What each request of our own to a modern server bears (2026-07-28, basic/index, §_meta). */
export const envelope = ({ capabilities }: Lane, revision: string) =>
  Envelope.metaFor({ revision, capabilities, client: SELF, logLevel: undefined }, {})

export const encodeDiscover = (lane: Lane, revision: ModernRevision) =>
  encodeRequest("server/discover", { _meta: envelope(lane, revision) })

const text = (value: unknown, fallback: string): string => (typeof value === "string" ? value : fallback)

const readPeer = (frame: Frame.Frame): Effect.Effect<Peer, MessageRefused> => {
  const fail = (what: string) => Effect.fail(new MessageRefused({ reason: `initialize: ${what}` }))
  const error = errorOf(frame)
  if (error !== undefined) return fail(`it answered with an error: ${error}`)
  const result = Json.tryParse(frame.bytes, frame.result)
  if (!Predicate.isReadonlyObject(result)) return fail("its result is not an object")
  const revision = result["protocolVersion"]
  if (!isLegacyRevision(revision)) {
    return fail(`it speaks revision ${JSON.stringify(revision)}; known are ${LEGACY_REVISIONS.join(", ")}`)
  }
  const info = Predicate.isReadonlyObject(result["serverInfo"]) ? result["serverInfo"] : {}
  const instructions = result["instructions"]
  return Effect.succeed<Peer>({
    era: "legacy",
    revision,
    capabilities: Predicate.isReadonlyObject(result["capabilities"]) ? result["capabilities"] : {},
    name: text(info["name"], "unnamed"),
    version: text(info["version"], "unknown"),
    instructions: typeof instructions === "string" && instructions.trim() !== "" ? instructions : undefined
  })
}

/** Begins a session with what the lane declares. An answer that is none is `MessageRefused`. */
export const initialize = (rpc: Rpc.Rpc, lane: Lane) =>
  Effect.gen(function* () {
    const params = { protocolVersion: lane.revision, capabilities: lane.capabilities, clientInfo: SELF }
    const answer = yield* Effect.raceFirst(rpc.initialize(encodeRequest("initialize", params)), rpc.lost)
    const peer = yield* readPeer(answer)
    yield* rpc.agreed(peer.revision)
    yield* rpc.notify(encodeNotification("notifications/initialized"))
    return peer
  })

type Decided = Exclude<Negotiation.Verdict, { readonly _tag: "Again" }>

/** Asks until there is a verdict: twice at most. */
export const negotiate = <E, R>(
  ask: (revision: ModernRevision) => Effect.Effect<Negotiation.Outcome, E, R>
): Effect.Effect<Decided, E, R> => {
  const attempt = (revision: ModernRevision, isRepeated: boolean): Effect.Effect<Decided, E, R> =>
    Effect.flatMap(ask(revision), (outcome) => {
      const verdict = Negotiation.judge(outcome, isRepeated)
      return verdict._tag === "Again" ? attempt(verdict.revision, true) : Effect.succeed(verdict)
    })
  return attempt(LATEST_MODERN, false)
}
