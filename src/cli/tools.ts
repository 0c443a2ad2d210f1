/** `tools`: what can be called. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { slug } from "../domain/ServerId.ts"
import type { AllSettings } from "./AllSettings.ts"
import { type Client, type Message, RequestFailed } from "./Client.ts"
import * as Flags from "./Flags.ts"
import * as Host from "./Host.ts"
import * as LocalClient from "./LocalClient.ts"
import * as Output from "./Output.ts"
import { quietly } from "./quietly.ts"
import * as RemoteClient from "./RemoteClient.ts"

const firstLine = (text: unknown): string => (typeof text === "string" ? (text.trim().split("\n")[0] ?? "") : "")

const listAll = Effect.fnUntraced(function* ({ request }: Client) {
  const tools: Array<Message> = []
  let cursor: unknown
  do {
    const page = yield* request("tools/list", cursor === undefined ? {} : { cursor })
    const items: unknown = page["tools"]
    if (Array.isArray(items)) tools.push(...items.filter(Predicate.isReadonlyObject))
    cursor = page["nextCursor"]
  } while (cursor !== undefined)
  return tools
})

const failed = (reason: string) => new RequestFailed({ method: "tools/list", reason })

const listRemote = Effect.fnUntraced(function* (
  settings: AllSettings,
  url: string,
  token: Option.Option<Redacted.Redacted<string>>,
  server: Option.Option<string>
) {
  if (Option.isSome(server)) {
    const own = `${url.replace(/\/$/u, "")}/${server.value}`
    return yield* failed(`With --url, one server of a running proxy is asked for by its own address: --url ${own}`)
  }
  return yield* RemoteClient.use(settings, url, token, listAll)
})

const listLocal = Effect.fnUntraced(function* (settings: AllSettings, server: Option.Option<string>) {
  const { config } = yield* Host.loadConfig(settings)
  if (Option.isNone(server)) {
    if (config.servers.length === 0) return yield* failed("No server is enabled")
    return yield* LocalClient.use(settings, config, listAll)
  }
  const only = LocalClient.restrict(config, (id) => id === server.value || slug(id) === server.value)
  if (only.servers.length === 0) {
    const names = config.servers.map(({ id }) => id).join(", ")
    return yield* failed(`There is no server "${server.value}"; there are ${names}`)
  }
  return yield* LocalClient.use(settings, only, listAll)
})

export const tools = Command.make(
  "tools",
  {
    server: Argument.String("server").pipe(Argument.withDescription("Only this server's tools"), Argument.optional),
    url: Flags.url,
    token: Flags.token,
    json: Flags.json
  },
  ({ json, server, token, url }) =>
    quietly((settings) =>
      Effect.gen(function* () {
        const found = Option.isSome(url)
          ? yield* listRemote(settings, url.value, token, server)
          : yield* listLocal(settings, server)
        if (json) return yield* Output.json(found)
        const rows = found.map(({ description, name }) => [Output.paint(String(name), "bold"), firstLine(description)])
        yield* Output.print(Output.table(rows))
      })
    )
).pipe(
  Command.withDescription(
    "List the tools of the configured servers, or of a running proxy, under the names clients see"
  ),
  Command.withExamples([
    { command: "mcp-proxy-server tools", description: "All tools" },
    { command: "mcp-proxy-server tools github", description: "One server's" },
    { command: "mcp-proxy-server tools --url http://localhost:8080/mcp", description: "A running proxy's" }
  ])
)
