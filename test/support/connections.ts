/** Servers in the test's hands: each opening of a transport to one is kept, and answered as the test says. */
import * as Effect from "effect/Effect"
import * as Lane from "../../src/domain/Lane.ts"
import type { Capabilities } from "../../src/domain/Protocol.ts"
import { makeServer, type ServerConfig } from "../../src/domain/ServerConfig.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import type { Seeker } from "../../src/upstream/Approach.ts"
import type { Connection } from "../../src/upstream/Connection.ts"
import * as Handshake from "../../src/upstream/Handshake.ts"
import { encodeRequest } from "../../src/upstream/Message.ts"
import * as MirroredHeaders from "../../src/upstream/MirroredHeaders.ts"
import type { Open } from "../../src/upstream/Transport.ts"
import { type MemoryTransport, memoryTransport } from "./memoryTransport.ts"
import { openRpc } from "./rpc.ts"

export const serverConfig = (more: Partial<ServerConfig> = {}): ServerConfig =>
  makeServer({
    id: ServerId.make("server"),
    transport: { _tag: "Unusable", reason: "there is nothing behind it" },
    ...more
  })

/** Whoever seeks a way to a server of which nothing is known, unless told otherwise. */
export const seeker = (more: Partial<Seeker> = {}): Seeker => ({
  config: serverConfig(),
  lane: Lane.shared,
  unrelated: { notification: () => {}, ask: () => Effect.never, fault: () => {} },
  era: undefined,
  endedAgain: () => {},
  ...more
})

/** Transports of one server, in the order in which they were opened. */
export const openings = () => {
  const transports: Array<MemoryTransport> = []
  const open: Open<never> = (receiver) =>
    Effect.suspend(() => {
      const transport = memoryTransport()
      transports.push(transport)
      return transport.open(receiver)
    })
  return { open, transports }
}

export const DISCOVERED = {
  resultType: "complete",
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: { listChanged: true } },
  _meta: { "io.modelcontextprotocol/serverInfo": { name: "modern", version: "1" } }
}

export const INITIALIZED = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  serverInfo: { name: "legacy", version: "1" }
}

/** A connection to a modern server in the test's hands, over HTTP or not. */
export const modernConnection = Effect.fnUntraced(function* (capabilities: Capabilities, isHttp = false) {
  const opened = yield* openRpc()
  yield* opened.rpc.agreed("2026-07-28")
  const own = (params: object = {}) => ({ ...params, _meta: Handshake.envelope(Lane.shared, "2026-07-28") })
  const connection: Connection = {
    rpc: opened.rpc,
    peer: {
      era: "modern",
      revision: "2026-07-28",
      capabilities,
      name: "modern",
      version: "1",
      instructions: undefined
    },
    learned: undefined,
    headersFor: (request, tools = []) => (isHttp ? MirroredHeaders.of(request, tools) : undefined),
    own,
    ping: opened.rpc.initialize(encodeRequest("server/discover", own())),
    ask: (method, params) => opened.rpc.request(encodeRequest(method, own(params)))
  }
  return { ...opened, connection }
})
