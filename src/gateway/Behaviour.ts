/** How the gateway behaves where the configuration file does not say. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Setting from "../settings/Setting.ts"

export const settings = {
  listWait: Setting.duration({
    name: "MCP_LIST_WAIT",
    description: "How long a client's first list waits for servers that are starting for the first time.",
    fallback: "5 s"
  })
}

export const Behaviour = Context.Reference<{ readonly listWait: Duration.Duration }>("mcp-proxy/gateway/Behaviour", {
  defaultValue: () => ({ listWait: Duration.seconds(5) })
})
