/** `tools`: what can be called. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import { slug } from "../domain/ServerId.ts"
import * as Flags from "./Flags.ts"
import * as Host from "./Host.ts"
import * as LocalClient from "./LocalClient.ts"
import * as Output from "./Output.ts"
import { quietly } from "./quietly.ts"

const firstLine = (text: unknown): string => (typeof text === "string" ? (text.trim().split("\n")[0] ?? "") : "")

const listAll = Effect.gen(function* () {
  yield* LocalClient.requireSomeServer
  const { request } = yield* LocalClient.connect
  const tools: Array<Readonly<Record<string, unknown>>> = []
  let cursor: unknown
  do {
    const page = yield* request("tools/list", cursor === undefined ? {} : { cursor })
    const items: unknown = page["tools"]
    if (Array.isArray(items)) tools.push(...items.filter(Predicate.isReadonlyObject))
    cursor = page["nextCursor"]
  } while (cursor !== undefined)
  return tools
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
        if (Option.isSome(url) && Option.isSome(server)) {
          const own = `${url.value.replace(/\/$/u, "")}/${server.value}`
          const reason = `With --url, one server of a running proxy is asked for by its own address: --url ${own}`
          return yield* new LocalClient.RequestFailed({ method: "tools/list", reason })
        }
        const config = Option.isSome(url)
          ? LocalClient.remoteConfig(url.value, Option.getOrUndefined(token))
          : (yield* Host.loadConfig(settings)).config
        const wanted = Option.getOrUndefined(server)
        const only =
          wanted === undefined ? config : LocalClient.restrict(config, (id) => id === wanted || slug(id) === wanted)
        if (only.servers.length === 0) {
          const names = config.servers.map(({ id }) => id).join(", ")
          const reason =
            wanted === undefined ? "No server is enabled" : `There is no server "${wanted}"; there are ${names}`
          return yield* new LocalClient.RequestFailed({ method: "tools/list", reason })
        }
        const found = yield* Effect.scoped(Effect.provide(listAll, LocalClient.layer(settings, only)))
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
