/** Programs of others on npm, at exact versions, in a folder of their own that nothing else needs. */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { serve } from "./plain.ts"
import type { Target } from "./Target.ts"

export const PEERS = join(import.meta.dirname, "../peers")

const inModules = (path: string): string => join(PEERS, "node_modules", path)

const manifest = (path: string) =>
  JSON.parse(readFileSync(path, "utf8")) as {
    readonly version: string
    readonly dependencies?: Readonly<Record<string, string>>
  }

/** Their names and versions. */
export const versions = (): Readonly<Record<string, string>> => manifest(join(PEERS, "package.json")).dependencies ?? {}

const isInstalled = (): boolean =>
  Object.entries(versions()).every(([name, version]) => {
    const path = inModules(`${name}/package.json`)
    return existsSync(path) && manifest(path).version === version
  })

/** Installs those that are not there. */
export const installPeers = (): void => {
  if (isInstalled()) return
  console.log(
    `installing peers into bench/peers: ${Object.entries(versions())
      .map((one) => one.join("@"))
      .join(", ")}`
  )
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: PEERS,
    stdio: "inherit"
  })
}

/** A program of theirs as a shell would start it. */
const quoted = (command: ReadonlyArray<string>): string => command.map((part) => `'${part}'`).join(" ")

/** mcp-proxy (punkpeye), the program. */
const mcpProxy: Target = {
  name: "mcp-proxy",
  role: "peer",
  takes: ({ kind }) => kind === "stdio",
  start: (upstream) =>
    serve(upstream, (port) => ({
      args: [
        inModules("mcp-proxy/dist/bin/mcp-proxy.mjs"),
        "--port",
        String(port),
        "--upstreamProtocol",
        upstream.era === "modern" ? "auto" : "legacy",
        "--",
        ...upstream.command
      ]
    }))
}

/** mcp-proxy, the library: the program takes no remote servers. */
const mcpProxyLibrary: Target = {
  name: "mcp-proxy (library)",
  role: "peer",
  takes: ({ kind }) => kind === "http",
  start: (upstream) =>
    serve(upstream, (port) => ({
      args: [join(PEERS, "mcp-proxy-http.mjs"), String(port), upstream.url, upstream.era]
    }))
}

/** It starts a process for each session, so all connections share one. */
const supergateway: Target = {
  name: "supergateway",
  role: "peer",
  takes: ({ era, kind }) => kind === "stdio" && era === "legacy",
  start: (upstream) =>
    serve(
      upstream,
      (port) => ({
        args: [
          inModules("supergateway/dist/index.js"),
          "--outputTransport",
          "streamableHttp",
          "--stateful",
          "--logLevel",
          "none",
          "--port",
          String(port),
          "--stdio",
          quoted(upstream.command)
        ]
      }),
      { sessions: "shared" }
    )
}

const civic: Target = {
  name: "@civic/passthrough-mcp-server",
  role: "peer",
  takes: ({ era, kind }) => kind === "http" && era === "legacy",
  start: (upstream) =>
    serve(upstream, (port) => ({
      args: [inModules("@civic/passthrough-mcp-server/dist/cli.js")],
      env: {
        PORT: String(port),
        TARGET_SERVER_URL: upstream.url,
        TARGET_SERVER_TRANSPORT: "httpStream",
        LOG_LEVEL: "error"
      }
    }))
}

export const peers: ReadonlyArray<Target> = [mcpProxy, supergateway, mcpProxyLibrary, civic]
