/** `demo`: the proxy before three well-known servers, with nothing to set up. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Command from "effect/cli/Command"
import shipped from "../../mcp_config.json" with { type: "json" }
import * as AccessPolicy from "../access/AccessPolicy.ts"
import * as JsonDocument from "../config/JsonDocument.ts"
import { resolve } from "../config/Resolve.ts"
import { type AddressOptions, endpointUrl } from "../http/Address.ts"
import * as ClientLines from "../http/ClientLines.ts"
import * as KeySource from "../keys/KeySource.ts"
import * as Logging from "../observability/Logging.ts"
import * as AllSettings from "./AllSettings.ts"
import * as Serve from "./serve.ts"
import * as Terminal from "./Terminal.ts"

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

const introduce = (address: AddressOptions): Effect.Effect<void> =>
  Effect.sync(() => {
    const url = endpointUrl(address)
    const call = `npx mcp-proxy-server call everything_echo '{"message": "hello"}' --url ${url}`
    const lines = [
      "",
      `  MCP endpoint    ${url}`,
      `  In a browser    ${address.baseUrl}/`,
      `  Claude Code     ${ClientLines.claudeCode(url)}`,
      `  Call a tool     ${call.replace("npx mcp-proxy-server", "node dist/main.js")}`,
      `  Health          curl -s ${address.baseUrl}/ready`,
      "",
      "  No sign-in, for this machine only. Stop it with Ctrl-C.",
      ""
    ]
    Terminal.stdout.write(lines.join("\n"))
  })

const serveOn = (settings: AllSettings.AllSettings, port: number, last: number): ReturnType<typeof attempt> =>
  attempt(settings, port).pipe(
    Effect.catchIf(
      (error) => error._tag === "ListenError" && error.code === "EADDRINUSE" && port < last,
      () => serveOn(settings, port + 1, last)
    )
  )

const attempt = Effect.fnUntraced(function* (settings: AllSettings.AllSettings, port: number) {
  const address = { host: "127.0.0.1", port, baseUrl: `http://localhost:${port}`, pathPrefix: settings.http.pathPrefix }
  return yield* Serve.run({
    settings,
    config: yield* demoConfig(settings),
    address,
    keys: KeySource.file,
    mode: { _tag: "SignIn", provider: { _tag: "Demo" } },
    access: AccessPolicy.layerEveryone,
    waitForPort: false,
    afterwards: introduce(address)
  })
})

export const demo = Command.make(
  "demo",
  {},
  Effect.fnUntraced(function* () {
    const settings = yield* AllSettings.load
    const { port } = settings.http
    return yield* serveOn(settings, port, port + MORE_PORTS).pipe(
      Effect.provide(Logging.layer(settings.log, Terminal.stdout))
    )
  })
).pipe(
  Command.withDescription(
    "Run the proxy before three well-known servers, for this machine only, with nothing to set up"
  )
)
