/** `version`: which build this is. */
import * as Command from "effect/cli/Command"
import { DESCRIPTION } from "../observability/Version.ts"
import * as Output from "./Output.ts"

export const version = Command.make("version", {}, () => Output.print(`mcp-proxy-server ${DESCRIPTION}`)).pipe(
  Command.withDescription("Print version, commit and build time")
)
