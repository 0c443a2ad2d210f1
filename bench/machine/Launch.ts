/** Processes of ours, on ports of their own, of which none is left behind. */
import { type ChildProcess, spawn } from "node:child_process"
import { connect, createServer, type AddressInfo } from "node:net"

export interface Launched {
  readonly pid: number
  /** What it has printed so far. */
  readonly output: () => string
  readonly hasEnded: () => boolean
  readonly ended: Promise<void>
  readonly signal: (signal: NodeJS.Signals) => void
  readonly stop: () => Promise<void>
}

const running = new Set<ChildProcess>()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

const MAX_OUTPUT = 100_000
const PATIENCE_MILLIS = 8000

/** Below the ports that systems give to connections, so that none is taken between the search and its use. */
let nextPort = 20_000 + (process.pid % 100) * 100

/** A port of this machine's that is free. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(freePort()))
    server.listen(nextPort++, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

export const launch = (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}
): Launched => {
  const child = spawn(command, [...args], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...options.env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-MAX_OUTPUT)
  }
  child.stdout.on("data", keep)
  child.stderr.on("data", keep)
  child.on("error", (error) => keep(Buffer.from(error.message)))
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null || child.pid === undefined
  running.add(child)
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => {
      running.delete(child)
      resolve()
    })
    child.once("error", () => resolve())
  })
  return {
    pid: child.pid ?? -1,
    output: () => output,
    hasEnded,
    ended: closed,
    signal: (signal) => void child.kill(signal),
    stop: async () => {
      if (!hasEnded()) child.kill("SIGTERM")
      const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MILLIS)
      await closed
      clearTimeout(late)
    }
  }
}

/** Waits until somebody listens on a port. */
export const accepts = async (port: number, everyMillis = 5, millis = 20_000): Promise<void> => {
  const deadline = performance.now() + millis
  const isOpen = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port })
      socket.once("error", () => resolve(false))
      socket.once("connect", () => {
        socket.destroy()
        resolve(true)
      })
    })
  while (!(await isOpen())) {
    if (performance.now() > deadline) throw new Error(`nobody listens on port ${port}`)
    await sleep(everyMillis)
  }
}

export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
