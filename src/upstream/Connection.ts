/** An initialized connection to a server, whatever its transport. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import type { Lane } from "../domain/Lane.ts"
import { isLegacyRevision, LEGACY_REVISIONS } from "../domain/Protocol.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import { NAME, VERSION } from "../observability/Version.ts"
import type { HttpAgent } from "./HttpAgent.ts"
import * as HttpTransport from "./HttpTransport.ts"
import type { Reaper } from "./Reaper.ts"
import * as Rpc from "./Rpc.ts"
import * as SseTransport from "./SseTransport.ts"
import * as StdioTransport from "./StdioTransport.ts"
import { ConnectionLost, type Open } from "./Transport.ts"
import type { Outgoing, Peer } from "./Upstream.ts"

/** What any transport may need. */
export type Platform = ChildProcessSpawner | HttpAgent | Reaper

export interface Connection {
  readonly rpc: Rpc.Rpc
  readonly peer: Peer
}

const openTransport = (config: ServerConfig): Open<Platform> => {
  const { transport } = config
  switch (transport._tag) {
    case "Stdio":
      return StdioTransport.open(config, transport)
    case "Http":
      return HttpTransport.open(transport)
    case "Sse":
      return SseTransport.open(transport)
    case "Unusable":
      return () => Effect.fail(new ConnectionLost({ reason: transport.reason, unsent: true }))
  }
}

/** One request of our own, as a message. */
export const encodeRequest =
  (method: string, params: unknown) =>
  (id: number): Uint8Array =>
    Json.encode({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) })

/** The same for a server of either era. */
export const ownRequest = (method: string, params: { readonly uri?: string } | undefined): Outgoing => ({
  method,
  target: params?.uri,
  encode: encodeRequest(method, params)
})

const notification = (method: string): Uint8Array => Json.encode({ jsonrpc: "2.0", method })

/** The error of an answer in words; undefined where it is a result. */
export const errorOf = (frame: Frame.Frame): string | undefined => {
  if (frame.error === undefined) return undefined
  try {
    const error = Json.parse(frame.bytes, frame.error)
    const message = Predicate.isReadonlyObject(error) ? error["message"] : undefined
    return typeof message === "string" ? message : "an error without a message"
  } catch {
    return "an error that is not JSON"
  }
}

const text = (value: unknown, fallback: string): string => (typeof value === "string" ? value : fallback)

const readPeer = (frame: Frame.Frame): Effect.Effect<Peer, ConnectionLost> => {
  const fail = (what: string) => Effect.fail(new ConnectionLost({ reason: `initialize: ${what}`, unsent: false }))
  const error = errorOf(frame)
  if (error !== undefined || frame.result === undefined) return fail(`it answered with an error: ${error}`)
  return Effect.try({
    try: () => JSON.parse(Json.text(frame.bytes, frame.result ?? { start: 0, end: 0 })) as unknown,
    catch: () => new ConnectionLost({ reason: "initialize: its answer is not JSON", unsent: false })
  }).pipe(
    Effect.flatMap((result) => {
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
    })
  )
}

/** Opens a connection for a lane: transport, initialize with what the lane declares, initialized. */
export const open = (
  config: ServerConfig,
  lane: Lane,
  unrelated: Rpc.Unrelated
): Effect.Effect<Connection, ConnectionLost, Platform | Scope.Scope> =>
  Effect.gen(function* () {
    const rpc = yield* Rpc.open(openTransport(config), unrelated, Duration.toMillis(config.callTimeout))
    const params = {
      protocolVersion: lane.revision,
      capabilities: lane.capabilities,
      clientInfo: { name: NAME, version: VERSION }
    }
    const answer = yield* Effect.raceFirst(rpc.initialize(encodeRequest("initialize", params)), rpc.lost)
    const peer = yield* readPeer(answer)
    yield* rpc.agreed(peer.revision)
    yield* rpc.notify(notification("notifications/initialized"))
    return { rpc, peer }
  }).pipe(
    Effect.catch((error) => {
      const reason = error._tag === "Silent" ? "it does not answer initialize" : error.message
      return Effect.fail(error._tag === "ConnectionLost" ? error : new ConnectionLost({ reason, unsent: false }))
    })
  )
