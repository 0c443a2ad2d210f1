/** `demo`: the proxy before three well-known servers, with nothing to set up. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import type * as Layer from "effect/Layer"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import shipped from "../../mcp_config.json" with { type: "json" }
import * as AccessPolicy from "../access/AccessPolicy.ts"
import type { IdentityProvider } from "../auth/IdentityProvider.ts"
import * as Demo from "../auth/providers/Demo.ts"
import * as JsonDocument from "../config/JsonDocument.ts"
import { resolve } from "../config/Resolve.ts"
import { type AddressOptions, endpointUrl } from "../http/Address.ts"
import type { Fleet } from "../fleet/Fleet.ts"
import * as ClientLines from "../http/ClientLines.ts"
import * as KeySource from "../keys/KeySource.ts"
import * as Logging from "../observability/Logging.ts"
import * as AllSettings from "./AllSettings.ts"
import type { RequestFailed } from "./Client.ts"
import * as Serve from "./serve.ts"
import * as Terminal from "./Terminal.ts"
import type * as Visitor from "./Visitor.ts"
import * as Walk from "./walk.ts"

/** How many ports above the wanted one are tried. */
const MORE_PORTS = 20

/** The folder that the filesystem server of the shipped configuration sees. */
const FILES = "examples/files"

/** Where that folder does not exist, one in the data directory with something to read in it. */
const filesFolder = Effect.fnUntraced(function* (dataDirectory: string) {
  const fs = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  if (yield* fs.exists(FILES)) return FILES
  const folder = paths.resolve(dataDirectory, "demo-files")
  yield* fs.makeDirectory(folder, { recursive: true })
  yield* fs.writeFileString(paths.join(folder, "hello.txt"), "Hello from the filesystem server.\n")
  return folder
})

/** The shipped configuration, wherever the program is started. */
const demoConfig = Effect.fnUntraced(function* (settings: AllSettings.AllSettings) {
  const paths = yield* Path.Path
  const folder = yield* filesFolder(settings.storage.dataDirectory)
  const text = JSON.stringify(shipped).replaceAll(JSON.stringify(FILES), JSON.stringify(folder))
  const directory = paths.resolve(settings.storage.dataDirectory)
  const { config } = resolve(Result.getOrThrow(JsonDocument.read(text)), {
    variable: (name) => (name === "MCP_DATA_DIR" ? directory : undefined),
    envFile: () => Result.fail("the demo has none"),
    path: (relative) => paths.resolve(relative)
  })
  return config ?? (yield* Effect.die(new Error("The shipped configuration does not resolve")))
})

/** How one person comes in without a browser, for the lines that are to be copied. */
const introduce = Effect.fnUntraced(function* (address: AddressOptions) {
  const url = endpointUrl(address)
  const { access_token: token, expires_in: seconds } = yield* Walk.accessToken(url)
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "curl", version: "1" } }
  })
  const lines = [
    "",
    `  MCP endpoint    ${url}`,
    `  In a browser    ${address.baseUrl}${address.pathPrefix}/auth/login`,
    `  Claude Code     ${ClientLines.claudeCode(url)}`,
    `  Health          curl -s ${address.baseUrl}${address.pathPrefix}/ready`,
    "",
    `  Call it as "${Walk.PERSON}", for ${Math.round(seconds / 60)} minutes from now:`,
    "",
    `  TOKEN=${token}`,
    `  curl -s ${url} -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '${body}'`,
    `  node dist/main.js call everything_echo '{"message": "hello"}' --url ${url} --token $TOKEN`,
    "",
    "  To sign in, type any name: nobody checks it, so this is for this machine only. Stop it with Ctrl-C.",
    ""
  ]
  yield* Effect.sync(() => Terminal.stdout.write(lines.join("\n")))
})

type Afterwards = (
  address: AddressOptions,
  settings: AllSettings.AllSettings
) => Effect.Effect<void, Visitor.Astray | RequestFailed, Fleet>

interface Demonstration {
  readonly settings: AllSettings.AllSettings
  readonly provider: (address: AddressOptions) => Layer.Layer<IdentityProvider>
  readonly afterwards: Afterwards
}

/** On the wanted port, or on the next that is free. */
const serveOn = (demonstration: Demonstration, port: number, last: number): ReturnType<typeof attempt> =>
  attempt(demonstration, port).pipe(
    Effect.catchIf(
      (error) => error._tag === "ListenError" && error.code === "EADDRINUSE" && port < last,
      () => serveOn(demonstration, port + 1, last)
    )
  )

const attempt = Effect.fnUntraced(function* ({ afterwards, provider, settings }: Demonstration, port: number) {
  const address = { host: "127.0.0.1", port, baseUrl: `http://localhost:${port}`, pathPrefix: settings.http.pathPrefix }
  return yield* Serve.run({
    settings,
    config: yield* demoConfig(settings),
    address,
    keys: KeySource.file,
    provider: provider(address),
    access: AccessPolicy.layerEveryone,
    place: { _tag: "Address", host: address.host, port, wait: false },
    afterwards: afterwards(address, settings)
  })
})

const serve = (demonstration: Demonstration, log: Logging.Sink) => {
  const { settings } = demonstration
  const { port } = settings.http
  return serveOn(demonstration, port, port + MORE_PORTS).pipe(Effect.provide(Logging.layer(settings.log, log)))
}

/** Serves for as long as it takes to walk through sign-in with this provider. Fails where the walk does. */
export const walkThrough = Effect.fnUntraced(function* (provider: Demonstration["provider"]) {
  const settings = yield* AllSettings.load
  const done = yield* Deferred.make<void>()
  const afterwards: Afterwards = (address) =>
    Serve.settled.pipe(
      Effect.andThen(Walk.all(settings, endpointUrl(address))),
      Effect.andThen(Deferred.succeed(done, undefined))
    )
  return yield* Effect.raceFirst(serve({ settings, provider, afterwards }, Terminal.stderr), Deferred.await(done))
})

const demoProvider = () => Demo.layer

export const demo = Command.make(
  "demo",
  {
    walk: Flag.Boolean("walk").pipe(
      Flag.withDescription("Go through sign-in from discovery to revocation, one line each, and end"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ walk }) {
    if (walk) return yield* walkThrough(demoProvider)
    const settings = yield* AllSettings.load
    return yield* serve({ settings, provider: demoProvider, afterwards: introduce }, Terminal.stdout)
  })
).pipe(
  Command.withDescription(
    "Run the proxy before three well-known servers, for this machine only, with nothing to set up"
  )
)
