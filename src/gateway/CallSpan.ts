/**
 * A call as a trace shows it: a span for the client's request, and within it one for each time that its server is asked
 * (OpenTelemetry, semantic conventions for MCP). Neither says what was asked for beyond the tool's or prompt's name: no
 * arguments, no URIs, no people, and of a failure its code.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Outcome } from "../domain/AuditRecord.ts"
import type { ProxyError } from "../domain/Errors.ts"
import { CLIENT_METHODS, LATEST_MODERN } from "../domain/Protocol.ts"
import * as TraceContext from "../domain/TraceContext.ts"
import { CurrentSpan, Span, type Tracer } from "../observability/Tracing.ts"
import type { Answered, Upstream } from "../upstream/Upstream.ts"
import * as CallRecord from "./CallRecord.ts"
import type { Exchange } from "./Exchange.ts"

/** What a method is called that is not the protocol's: clients may make up as many as they like. */
const OTHER = "_OTHER"

/** The requests that are for something with a name, and where that is put. */
const NAMED: Readonly<Record<string, string>> = {
  "tools/call": "gen_ai.tool.name",
  "prompts/get": "gen_ai.prompt.name"
}

const MAX_REQUEST_ID = 64

const contextIn = (carrier: Readonly<Record<string, unknown>>): TraceContext.TraceContext | undefined =>
  TraceContext.parse(carrier[TraceContext.KEY.parent], carrier[TraceContext.KEY.state])

/** Says what is done, and to which tool or prompt, under the name by which whoever is asked knows it. */
const describe = (span: Span, method: string, target: unknown): void => {
  const { attributes } = span
  const known = CLIENT_METHODS.has(method) ? method : OTHER
  attributes["mcp.method.name"] = known
  const attribute = NAMED[method]
  span.name = attribute === undefined || typeof target !== "string" ? known : `${known} ${target}`
  if (attribute !== undefined && typeof target === "string") attributes[attribute] = target
  if (method === "tools/call") attributes["gen_ai.operation.name"] = "execute_tool"
}

/** What became of it; of a tool that says itself that it failed, the conventions have a word. */
const conclude = (span: Span, outcome: Outcome, code: number | undefined): void => {
  span.attributes["mcp_proxy.outcome"] = outcome
  if (code !== undefined) span.attributes["rpc.response.status_code"] = String(code)
  if (outcome === "ok") return
  span.attributes["error.type"] = outcome === "tool-error" ? "tool_error" : String(code ?? outcome)
  span.failed = true
}

/**
 * Begins the span of a request. The context in `_meta` is its parent, for it is this message's own; that of the HTTP
 * request, which may carry several messages or be a retry, only where there is no other, and else a link.
 */
export const begin = (tracer: Tracer, { headers, request }: Exchange): Span => {
  const meta = request.params?.get("_meta")
  const own = Predicate.isReadonlyObject(meta) ? contextIn(meta) : undefined
  const carried = contextIn(headers)
  return new Span(tracer, request.method, "server", own ?? carried, own === undefined ? undefined : carried)
}

/** Ends the span of a request. */
export const end = (span: Span, exchange: Exchange, { code, outcome }: CallRecord.Result): void => {
  if (span.context.sampled) {
    const { request, requester, server } = exchange
    const { attributes } = span
    // A name that no server has may be anything.
    describe(span, request.method, server === undefined ? undefined : request.params?.get("name"))
    attributes["jsonrpc.request.id"] = String(request.requestId).slice(0, MAX_REQUEST_ID)
    attributes["mcp.protocol.version"] = exchange.era === "modern" ? LATEST_MODERN : requester.caller.revision
    attributes["network.transport"] = "tcp"
    attributes["network.protocol.name"] = "http"
    // The random key of the session, which opens nothing: by it the audit trail can be searched.
    if (requester.caller.session !== undefined) attributes["mcp.session.id"] = requester.caller.session
    if (server !== undefined) attributes["mcp_proxy.server"] = server
    conclude(span, outcome, code)
  }
  span.end()
}

/** Asks the server of a call by `ask`, within a span of its own where the call has one. `name` is the server's own for it. */
export const asking = <E extends ProxyError>(
  { request, span: parent }: Exchange,
  { config, state }: Pick<Upstream["Service"], "config" | "state">,
  name: unknown,
  ask: (span: Span | undefined) => Effect.Effect<Answered, E>
): Effect.Effect<Answered, E> => {
  if (parent === undefined) return ask(undefined)
  const span = parent.ask(request.method)
  return ask(span).pipe(
    Effect.provideService(CurrentSpan, span),
    Effect.onExit((exit) =>
      Effect.sync(() => {
        if (span.context.sampled) {
          const { peer } = SubscriptionRef.getUnsafe(state)
          describe(span, request.method, name)
          span.attributes["network.transport"] = config.transport._tag === "Stdio" ? "pipe" : "tcp"
          if (peer !== undefined) span.attributes["mcp.protocol.version"] = peer.revision
          span.attributes["mcp_proxy.server"] = config.id
          const { code, outcome } = CallRecord.result(exit, Exit.isSuccess(exit) ? exit.value.frame : undefined)
          conclude(span, outcome, code)
        }
        span.end()
      })
    )
  )
}
