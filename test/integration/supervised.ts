/** One server as it really is, supervised within the test's own process, and calls to it as the gateway would make them. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { Shelf } from "../../src/domain/Catalogue.ts"
import * as Json from "../../src/domain/Json.ts"
import * as Lane from "../../src/domain/Lane.ts"
import { type Era, META } from "../../src/domain/Protocol.ts"
import type { ServerConfig, Stdio } from "../../src/domain/ServerConfig.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import * as Store from "../../src/storage/Store.ts"
import { EraVerdicts } from "../../src/upstream/EraVerdicts.ts"
import { HttpAgent } from "../../src/upstream/HttpAgent.ts"
import { Reaper } from "../../src/upstream/Reaper.ts"
import type { Restraint } from "../../src/upstream/Restraint.ts"
import { unanswerable } from "../../src/upstream/Rpc.ts"
import * as Supervisor from "../../src/upstream/Supervisor.ts"
import { type Outgoing, Upstream, type UpstreamEvent } from "../../src/upstream/Upstream.ts"
import { serverConfig } from "../support/connections.ts"

const platform = Layer.mergeAll(HttpAgent.layer, Reaper.layer).pipe(Layer.provideMerge(NodeServices.layer))

export const stdio = (...args: ReadonlyArray<string>): Stdio => ({
  _tag: "Stdio",
  command: process.execPath,
  args,
  env: {},
  cwd: undefined
})

export const http = (url: string) => ({ transport: { _tag: "Http" as const, url, headers: {} } })

/** One supervised server, whose first start is decided. */
export const supervise = Effect.fnUntraced(function* (
  config: Partial<ServerConfig>,
  { remembered, restraint }: { readonly remembered?: Era; readonly restraint?: Restraint } = {}
) {
  const events: Array<UpstreamEvent> = []
  const verdicts = yield* Layer.build(EraVerdicts.layer.pipe(Layer.provide(Store.layerMemory)))
  const { recall, remember } = Context.get(verdicts, EraVerdicts)
  if (remembered !== undefined) yield* remember(serverConfig(config), remembered)
  const services = yield* Layer.build(
    Supervisor.layer({
      config: serverConfig(config),
      lane: Lane.shared,
      shelf: new Shelf(),
      restraint,
      publish: (event) => void events.push(event)
    }).pipe(Layer.provide(Layer.succeedContext(verdicts)), Layer.provide(platform))
  )
  const upstream = Context.get(services, Upstream)
  yield* upstream.settled
  const state = () => SubscriptionRef.getUnsafe(upstream.state)
  const verdict = recall(serverConfig(config))
  const tools = () => state().catalogue.lists.tools.map(({ name }) => name)
  return { events, state, tools, upstream, verdict }
})

/** A request as the gateway would make it for a client that declares nothing. */
const outgoing = (name: string, given: object = {}): Outgoing => ({
  method: "tools/call",
  target: name,
  arguments: () => given,
  encode: (id, era) => [
    Json.encode({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: {
        name,
        arguments: given,
        ...(era === "legacy" ? {} : { _meta: { [META.protocolVersion]: "2026-07-28", [META.clientCapabilities]: {} } })
      }
    })
  ]
})

export const handlers = {
  session: SessionKey.make("s"),
  notify: () => {},
  ask: () => Effect.succeed(unanswerable("nobody")),
  polling: () => {}
}

/** A call, and in which era it was answered: with this text, or with an error of this code. */
export const call = (upstream: Upstream["Service"], name: string, given: object = {}) =>
  Effect.map(upstream.call(outgoing(name, given), handlers), ({ era, frame }) => {
    const { error, result } = JSON.parse(Buffer.from(frame.bytes).toString()) as {
      readonly result?: { readonly content: ReadonlyArray<{ readonly text: string }> }
      readonly error?: { readonly code: number }
    }
    return [era, result?.content[0]?.text ?? error?.code] as const
  })
