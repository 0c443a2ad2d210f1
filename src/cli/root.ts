/** The root command: without a subcommand it serves. */
import * as Effect from "effect/Effect"
import * as Command from "effect/cli/Command"
import * as Logging from "../observability/Logging.ts"
import * as AllSettings from "./AllSettings.ts"
import { serve } from "./serve.ts"
import * as Terminal from "./Terminal.ts"

const runServe = Effect.gen(function* () {
  const settings = yield* AllSettings.load
  return yield* serve(settings, { waitForPort: true }).pipe(
    Effect.provide(Logging.layer(settings.log, Terminal.stdout))
  )
})

const serveCommand = Command.make("serve", {}, () => runServe).pipe(
  Command.withDescription("Run the proxy until it is told to stop (SIGTERM or Ctrl-C)")
)

/** `mcp-proxy-server [command]` */
export const root = Command.make("mcp-proxy-server", {}, () => runServe).pipe(
  Command.withDescription("One MCP endpoint in front of many MCP servers"),
  Command.withSubcommands([serveCommand])
)
