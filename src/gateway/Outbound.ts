/** A client's request as its server is to see it: under the server's names, and in the words of the server's era. */
import * as Predicate from "effect/Predicate"
import * as ClientMessage from "../domain/ClientMessage.ts"
import * as Envelope from "../domain/Envelope.ts"
import { carried } from "../domain/Lane.ts"
import { type Capabilities, type Era, LATEST_MODERN, META } from "../domain/Protocol.ts"
import * as TraceContext from "../domain/TraceContext.ts"
import type { Outgoing } from "../upstream/Upstream.ts"
import { type Exchange, tokenOf } from "./Exchange.ts"

const ENVELOPE_KEYS = new Set<string>(Object.values(META))

/** Parameters that bring answers: a legacy server does not know them. */
const WITHOUT_ANSWERS = { inputResponses: undefined, requestState: undefined }

/** What a modern server may ask of a legacy client. */
const capabilitiesOf = (capabilities: Capabilities): Capabilities => {
  const { roots, ...others } = carried(capabilities)
  // Clients do not say to modern servers that their roots changed.
  return roots === undefined ? others : { ...others, roots: {} }
}

/** The `_meta` for a server of that era; undefined for none. */
const metaFor = (exchange: Exchange, id: number, era: Era): unknown => {
  const { logLevel, request, requester } = exchange
  const given = request.params?.get("_meta")
  const meta = Predicate.isReadonlyObject(given) ? given : {}
  const own = tokenOf(meta) === undefined ? meta : { ...meta, progressToken: id }
  if (exchange.era === era) return given === undefined ? undefined : own
  if (era === "modern") {
    return Envelope.metaFor(
      {
        revision: LATEST_MODERN,
        capabilities: capabilitiesOf(requester.caller.capabilities),
        client: requester.client,
        logLevel
      },
      own
    )
  }
  const rest = Object.entries(own).filter(([key]) => !ENVELOPE_KEYS.has(key))
  return rest.length === 0 ? undefined : Object.fromEntries(rest)
}

/** The trace as a server is told of it, by the same names in `_meta` and in headers. */
const traceOf = (trace: TraceContext.TraceContext) => ({
  [TraceContext.KEY.parent]: TraceContext.parentOf(trace),
  ...(trace.state === undefined ? {} : { [TraceContext.KEY.state]: trace.state })
})

/** `_meta` with what we say of the trace in place of what the client says; as it is where we do not trace. */
const traced = (meta: unknown, trace: Readonly<Record<string, string>> | undefined): unknown => {
  if (trace === undefined) return meta
  const given = Predicate.isReadonlyObject(meta) ? meta : {}
  return { ...given, [TraceContext.KEY.state]: undefined, ...trace }
}

/**
 * The request with `overrides` in place of the client's parameters (`undefined` drops one). `span`: where in which trace its
 * server works on it; undefined where we do not trace, and then what the client says of one passes.
 */
export const outgoing = (
  exchange: Exchange,
  overrides: Readonly<Record<string, unknown>>,
  span?: TraceContext.TraceContext
): Outgoing => {
  const { request } = exchange
  const target = [overrides["name"], overrides["uri"], overrides["taskId"]].find(Predicate.isString)
  const trace = span === undefined ? undefined : traceOf(span)
  return {
    method: request.method,
    target,
    arguments: () => request.params?.get("arguments"),
    headers: trace,
    encode: (id, era) => {
      const answers = exchange.era === "modern" && era === "legacy" ? WITHOUT_ANSWERS : undefined
      const meta = traced(metaFor(exchange, id, era), trace)
      return ClientMessage.encode(request, id, { ...answers, ...overrides, _meta: meta })
    }
  }
}
