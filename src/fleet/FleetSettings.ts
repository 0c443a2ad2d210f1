/** How a changed configuration is put into force. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Setting from "../settings/Setting.ts"

export const settings = {
  drain: Setting.duration({
    name: "MCP_DRAIN",
    description:
      "How long calls to a server whose configuration has changed may go on. After that they are cut off, and answered that their outcome is unknown.",
    fallback: "30 s"
  })
}

export const Drain = Context.Reference<Duration.Duration>("mcp-proxy/fleet/Drain", {
  defaultValue: () => Duration.seconds(30)
})
