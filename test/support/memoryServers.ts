/** A real fleet before processes that are the test's. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { ByteBudget } from "../../src/domain/ByteBudget.ts"
import { anonymous } from "../../src/domain/Principal.ts"
import { LATEST_LEGACY } from "../../src/domain/Protocol.ts"
import type { Caller } from "../../src/domain/Lane.ts"
import { type GatewayConfig, makeServer, type ServerConfig } from "../../src/domain/ServerConfig.ts"
import { ServerId, SessionKey } from "../../src/domain/ServerId.ts"
import * as Fleet from "../../src/fleet/Fleet.ts"
import { layerMemory } from "../../src/storage/Store.ts"
import { ownRequest } from "../../src/upstream/Connection.ts"
import { EraVerdicts } from "../../src/upstream/EraVerdicts.ts"
import { HttpAgent } from "../../src/upstream/HttpAgent.ts"
import { Reaper } from "../../src/upstream/Reaper.ts"
import type { CallHandlers } from "../../src/upstream/Rpc.ts"
import { memoryProcesses, type Program } from "./memoryProcesses.ts"

/** A local server of that name, started by the command of that name. */
export const local = (name: string, more: Partial<ServerConfig> & { readonly env?: Record<string, string> } = {}) => {
  const { env = {}, ...rest } = more
  return makeServer({
    id: ServerId.make(name),
    transport: {
      _tag: "Stdio",
      command: name.split(" ")[0] ?? name,
      args: [],
      env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, Redacted.make(value)])),
      cwd: undefined
    },
    era: "legacy",
    ...rest
  })
}

export const configOf = (...servers: ReadonlyArray<ServerConfig>): GatewayConfig => ({
  servers,
  naming: "auto",
  pageSize: 1000,
  maxLanes: undefined,
  maxLanesPerUser: undefined,
  laneIdle: Duration.minutes(15)
})

/** Somebody who calls, in a session of that name. */
export const callerOf = (session: string): Caller => ({
  principal: anonymous,
  session: SessionKey.make(session),
  capabilities: {},
  revision: LATEST_LEGACY
})

const quiet: CallHandlers = {
  session: SessionKey.make("test"),
  notify: () => {},
  ask: () => Effect.never,
  polling: () => {}
}

/** What stands beneath a fleet of such servers. */
export const platformOf = (processes: ReturnType<typeof memoryProcesses>) =>
  Layer.mergeAll(
    processes.layer,
    Reaper.layerNone,
    Layer.succeed(HttpAgent, {
      begin: () => {
        throw new Error("there is no network")
      },
      maxMessage: 1024 ** 2,
      buffers: new ByteBudget(1024 ** 2)
    }),
    EraVerdicts.layer.pipe(Layer.provide(layerMemory))
  )

/** A fleet of these servers, until the scope closes. */
export const memoryServers = Effect.fnUntraced(function* (
  config: GatewayConfig,
  programs: Readonly<Record<string, Program>>
) {
  const processes = memoryProcesses(programs)
  const context = yield* Layer.build(Fleet.layer(config).pipe(Layer.provide(platformOf(processes))))
  const fleet = Context.get(context, Fleet.Fleet)

  /** Calls a tool, and gives what the server said: the process that did it, and the call's parameters. */
  const call = (server: string, tool: string, caller = callerOf("one")) =>
    Effect.scoped(
      Effect.gen(function* () {
        const upstream = yield* fleet.borrow(ServerId.make(server), caller)
        const { frame } = yield* upstream.call(
          { ...ownRequest("tools/call", undefined), encode: (id) => [encode(id, tool)] },
          quiet
        )
        const { result } = JSON.parse(Buffer.from(frame.bytes).toString()) as {
          readonly result: { readonly content: ReadonlyArray<{ readonly text: string }> }
        }
        return JSON.parse(result.content[0]?.text ?? "null") as { readonly pid: number; readonly name: string }
      })
    )

  const settled = Effect.forEach(config.servers, ({ id }) => fleet.shared(id)?.settled ?? Effect.void, {
    discard: true
  })

  return { fleet, processes, call, settled }
})

const encode = (id: number, name: string): Uint8Array =>
  Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {} } }))
