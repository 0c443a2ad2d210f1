/** `call`: call one tool and show what it says. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as View from "../domain/View.ts"
import type { Client, Message } from "./Client.ts"
import * as Flags from "./Flags.ts"
import * as Host from "./Host.ts"
import * as LocalClient from "./LocalClient.ts"
import * as Output from "./Output.ts"
import { quietly } from "./quietly.ts"
import * as RemoteClient from "./RemoteClient.ts"
import * as Terminal from "./Terminal.ts"

/** The arguments given are not a JSON object. */
export class BadArguments extends Schema.TaggedError<BadArguments>()("BadArguments", { reason: Schema.String }) {
  override get message(): string {
    return `The arguments must be a JSON object, for example '{"message": "hello"}': ${this.reason}`
  }
}

/** The tool itself says that it failed; what it says has been printed. */
export class ToolFailed extends Schema.TaggedError<ToolFailed>()("ToolFailed", { tool: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
  override get message(): string {
    return `${this.tool} reported an error`
  }
}

const parseArguments = (text: string): Effect.Effect<Message, BadArguments> =>
  Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) => new BadArguments({ reason: (cause as SyntaxError).message })
  }).pipe(
    Effect.flatMap((value) =>
      Predicate.isReadonlyObject(value)
        ? Effect.succeed(value as Message)
        : Effect.fail(new BadArguments({ reason: "it is something else" }))
    )
  )

/** A progress or log notification as a line on standard error. */
const showMeanwhile = (message: Message): void => {
  const params = Predicate.isReadonlyObject(message["params"]) ? message["params"] : {}
  if (message["method"] === "notifications/progress") {
    const { message: text, progress, total } = params
    const share = total === undefined ? String(progress) : `${progress}/${total}`
    Terminal.stderr.write(`… ${share}${typeof text === "string" ? ` ${text}` : ""}`)
  } else if (message["method"] === "notifications/message") {
    const { data, level } = params
    Terminal.stderr.write(`[${level}] ${typeof data === "string" ? data : JSON.stringify(data)}`)
  }
}

/** A content block: text as it is, the rest as JSON. */
const showBlock = (block: unknown): string =>
  Predicate.isReadonlyObject(block) && block["type"] === "text" ? String(block["text"]) : JSON.stringify(block, null, 2)

const callTool = Effect.fnUntraced(function* ({ request }: Client, name: string, args: Message, json: boolean) {
  const result = yield* request("tools/call", { name, arguments: args }, showMeanwhile)
  const content: unknown = result["content"]
  if (json) yield* Output.json(result)
  else yield* Output.print(Array.isArray(content) ? content.map(showBlock).join("\n") : JSON.stringify(result, null, 2))
  if (result["isError"] === true) return yield* new ToolFailed({ tool: name })
})

export const call = Command.make(
  "call",
  {
    tool: Argument.String("tool").pipe(Argument.withDescription("The tool, by the name that clients see")),
    args: Argument.String("json").pipe(
      Argument.withDescription("Its arguments, a JSON object"),
      Argument.withDefault("{}")
    ),
    url: Flags.url,
    token: Flags.token,
    json: Flags.json
  },
  ({ args, json, token, tool, url }) =>
    quietly((settings) =>
      Effect.gen(function* () {
        const parsed = yield* parseArguments(args)
        const run = (client: Client) => callTool(client, tool, parsed, json)
        if (Option.isSome(url)) return yield* RemoteClient.use(settings, url.value, token, run)
        const { config } = yield* Host.loadConfig(settings)
        // Only the server that the name's prefix points to needs to be started.
        const owner = View.serverByPrefix(
          config.servers.map(({ id }) => id),
          tool
        )
        const only =
          owner === undefined || config.servers.length < 2 ? config : LocalClient.restrict(config, (id) => id === owner)
        yield* LocalClient.use(settings, only, run)
      })
    )
).pipe(
  Command.withDescription("Call a tool and print its result. Progress and log messages go to standard error."),
  Command.withExamples([
    { command: `mcp-proxy-server call everything_echo '{"message": "hello"}'`, description: "From the configuration" },
    {
      command: `mcp-proxy-server call everything_echo '{"message": "hello"}' --url http://localhost:8080/mcp`,
      description: "Through a running proxy"
    }
  ])
)
