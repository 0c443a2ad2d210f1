/** A listening socket that is held as a service manager does: this process never takes a connection of it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import * as net from "node:net"
import type { ProxyOptions } from "./harness.ts"

/** Node's own, which cluster uses: a bound socket that nothing is done with. */
interface Handle {
  readonly fd: number
  readonly getsockname: (out: { port?: number }) => void
  readonly close: () => void
}

const { _createServerHandle: createHandle } = net as unknown as {
  readonly _createServerHandle: (address: string, port: number, family: 4 | 6 | -1) => Handle | number
}

export interface HeldSocket {
  readonly port: number
  /** What hands it over to a proxy, as descriptor 3. */
  readonly handOver: Pick<ProxyOptions, "descriptors" | "through"> & { readonly env: Readonly<Record<string, string>> }
}

/** `exec`, so that the process id is that of whatever is run. */
const THROUGH = ["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"]

/** On a free port of that address, or at a path. */
export const holdSocket = (address: string): Effect.Effect<HeldSocket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const handle = address.startsWith("/") ? createHandle(address, -1, -1) : createHandle(address, 0, 4)
      if (typeof handle === "number") throw new Error(`cannot bind ${address}: ${handle}`)
      return handle
    }),
    (handle) => Effect.sync(() => handle.close())
  ).pipe(
    Effect.map((handle) => {
      // It listens from when a first process has it listen, and goes on for as long as anybody has it open.
      const script = 'require("node:net").createServer().listen({ fd: 3 }, () => process.exit())'
      spawnSync(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "inherit", handle.fd] })
      const name: { port?: number } = {}
      if (!address.startsWith("/")) handle.getsockname(name)
      return {
        port: name.port ?? 0,
        handOver: { descriptors: [handle.fd], through: THROUGH, env: { LISTEN_FDS: "1", LISTEN_FDNAMES: "mcp" } }
      }
    })
  )
