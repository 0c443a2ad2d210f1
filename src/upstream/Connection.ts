/** A connection to a server that can be talked to, whatever its transport and its era. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Catalogue from "../domain/Catalogue.ts"
import type * as Frame from "../domain/Frame.ts"
import { type Era, LATEST_MODERN } from "../domain/Protocol.ts"
import { classify } from "../domain/UpstreamFailure.ts"
import * as Approach from "./Approach.ts"
import * as Handshake from "./Handshake.ts"
import type { HttpAgent } from "./HttpAgent.ts"
import { encodeRequest } from "./Message.ts"
import * as MirroredHeaders from "./MirroredHeaders.ts"
import * as Negotiation from "./Negotiation.ts"
import type { Reaper } from "./Reaper.ts"
import type * as Rpc from "./Rpc.ts"
import * as SseTransport from "./SseTransport.ts"
import * as StdioTransport from "./StdioTransport.ts"
import { asLost, ConnectionLost, evidenceOf, type MessageHeaders, MessageRefused } from "./Transport.ts"
import type { Outgoing, Peer } from "./Upstream.ts"

/** What any transport may need. */
export type Platform = ChildProcessSpawner | HttpAgent | Reaper

type Params = Readonly<Record<string, unknown>>

export interface Connection {
  readonly rpc: Rpc.Rpc
  readonly peer: Peer
  /** Which era the server turned out to speak, where it was asked. */
  readonly learned: Era | undefined
  /** The headers that this server wants with a request; undefined where there is no place for any. */
  readonly headersFor: (
    request: Pick<Outgoing, "method" | "target" | "arguments">,
    tools?: ReadonlyArray<Catalogue.Item>
  ) => MessageHeaders | undefined
  /** Params of a request of our own, as this server has to have them. */
  readonly own: (params?: Params) => Params | undefined
  /** Asks for a sign of life, with whatever a server of this era has to answer. */
  readonly ping: Effect.Effect<Frame.Frame, Rpc.RpcError>
  /** Makes a request of our own. */
  readonly ask: (method: string, params?: Params) => Effect.Effect<Frame.Frame, Rpc.RpcError>
}

/** A request for a legacy server, or for one of which the gateway sees to the rest. */
export const ownRequest = (method: string, params: { readonly uri?: string } | undefined): Outgoing => ({
  method,
  target: params?.uri,
  encode: encodeRequest(method, params)
})

/** Who we are, or how often we come, is no matter of eras, and a further request would only make it worse. */
const isAboutUs = (refused: MessageRefused): boolean => ["credentials", "rate-limit"].includes(classify(refused))

/** Finds out what there is to know before the first request, and begins as the server will have it. */
export const agree = <R>(
  { asLegacy, asModern, ask, late }: Approach.Approach<R>,
  { config, era }: Approach.Seeker
): Effect.Effect<Approach.Line & { readonly learned: Era | undefined }, Rpc.RpcError, R | Scope.Scope> => {
  const asked = Handshake.negotiate(ask)
  const modern = (peer: Negotiation.ModernPeer) =>
    Effect.map(asModern(peer), (line) => ({ ...line, learned: "modern" as const }))
  // Who will have nothing of initialize may be modern after all: replaced since, or slow to answer the question.
  const legacy = asLegacy.pipe(
    Effect.map((line) => {
      const outcome = late()
      const isModern = outcome !== undefined && Negotiation.judge(outcome, true)._tag === "Modern"
      return { ...line, learned: era === "legacy" ? undefined : isModern ? ("modern" as const) : ("legacy" as const) }
    }),
    Effect.catchTag("MessageRefused", (refused) =>
      config.era === "legacy" || isAboutUs(refused)
        ? Effect.fail(refused)
        : Effect.flatMap(asked, (verdict) => (verdict._tag === "Modern" ? modern(verdict.peer) : Effect.fail(refused)))
    )
  )
  if (era === "legacy") return legacy
  return Effect.flatMap(asked, (verdict) => {
    switch (verdict._tag) {
      case "Modern":
        return modern(verdict.peer)
      case "Undecided":
        return Effect.fail(new MessageRefused({ ...evidenceOf(verdict), reason: verdict.reason }))
      case "Legacy":
        return config.era === "modern"
          ? Effect.fail(new MessageRefused({ reason: `it does not speak ${LATEST_MODERN}, as its era says` }))
          : legacy
    }
  })
}

const approach = (
  seeker: Approach.Seeker
): Effect.Effect<Approach.Line & { readonly learned: Era | undefined }, Rpc.RpcError, Platform | Scope.Scope> => {
  const { transport } = seeker.config
  switch (transport._tag) {
    case "Stdio":
      return Effect.flatMap(Approach.local(StdioTransport.open(seeker.config, transport), seeker), (way) =>
        agree(way, seeker)
      )
    case "Http":
      return agree(Approach.remote(transport, seeker), seeker)
    case "Sse":
      return Effect.map(Approach.legacyOnly(SseTransport.open(transport), seeker), (line) => ({
        ...line,
        learned: undefined
      }))
    case "Unusable":
      return Effect.fail(new ConnectionLost({ reason: transport.reason, unsent: true, ending: "unreachable" }))
  }
}

/** Opens a connection for a lane. */
export const open = (seeker: Approach.Seeker): Effect.Effect<Connection, ConnectionLost, Platform | Scope.Scope> =>
  approach(seeker).pipe(
    Effect.map(({ learned, peer, rpc }): Connection => {
      const headersFor: Connection["headersFor"] =
        peer.era === "modern" && seeker.config.transport._tag === "Http"
          ? (request, tools = []) => MirroredHeaders.of(request, tools)
          : () => undefined
      const envelope = peer.era === "modern" ? Handshake.envelope(seeker.lane, peer.revision) : undefined
      const own = (params?: Params) => (envelope === undefined ? params : { ...params, _meta: envelope })
      const method = peer.era === "modern" ? "server/discover" : "ping"
      return {
        rpc,
        peer,
        learned,
        headersFor,
        own,
        ping: rpc.initialize(encodeRequest(method, own()), headersFor({ method })),
        ask: (method, params) => rpc.request(encodeRequest(method, own(params)), undefined, headersFor({ method }))
      }
    }),
    Effect.mapError((error) =>
      error._tag === "Silent"
        ? new ConnectionLost({ reason: "it does not answer initialize", unsent: false, ending: "silent" })
        : asLost(error)
    )
  )
