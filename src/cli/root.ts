/** The root command: without a subcommand it serves. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Logging from "../observability/Logging.ts"
import * as AllSettings from "./AllSettings.ts"
import { audit } from "./audit.ts"
import { call } from "./call.ts"
import { check } from "./check.ts"
import { demo } from "./demo.ts"
import { schema } from "./schema.ts"
import { serve } from "./serve.ts"
import { status } from "./status.ts"
import * as Terminal from "./Terminal.ts"
import { tools } from "./tools.ts"
import { version } from "./version.ts"

const runServe = Effect.gen(function* () {
  const settings = yield* AllSettings.load
  return yield* serve(settings).pipe(Effect.provide(Logging.layer(settings.log, Terminal.stdout)))
})

const serveCommand = Command.make("serve", {}, () => runServe).pipe(
  Command.withDescription(
    "Run the proxy until it is told to stop (SIGTERM or Ctrl-C); what is done without a command, too"
  )
)

/** `mcp-proxy-server [command]` */
export const root = Command.make("mcp-proxy-server", {}, () => runServe).pipe(
  Command.withDescription(
    "One MCP endpoint in front of many MCP servers. Settings come from the environment and .env (see .env.example), servers from mcp_config.json."
  ),
  Command.withExamples([
    { command: "mcp-proxy-server", description: "Run the proxy with ./mcp_config.json" },
    { command: "mcp-proxy-server check", description: "Try the configuration first" },
    { command: "mcp-proxy-server demo", description: "See it work with nothing to set up" }
  ]),
  Command.withSubcommands([serveCommand, check, tools, call, status, audit, schema, version, demo])
)
