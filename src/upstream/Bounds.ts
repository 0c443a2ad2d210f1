/** How large messages may be, and how many bytes may be held in all. */
import * as Context from "effect/Context"
import { ByteBudget } from "../domain/ByteBudget.ts"
import * as Setting from "../settings/Setting.ts"

export const settings = {
  maxMessage: Setting.bytes({
    name: "MCP_MAX_MESSAGE",
    description: "The largest message that is carried: a client's request, a server's answer, event or line.",
    fallback: "64 MiB",
    minimum: "64 KiB",
    // What a server says in an event is a text on its way, and the platform has a longest text.
    maximum: "512 MB"
  }),
  bufferBytes: Setting.bytes({
    name: "MCP_BUFFER_BYTES",
    description:
      "How many bytes may be held in all for those who have not yet sent or read the rest: bodies, answers, streams, what waits for servers. At least MCP_MAX_MESSAGE.",
    fallback: "1 GiB",
    minimum: "1 MiB"
  })
}

/** What is wrong with the two together. */
export const problems = (values: { readonly maxMessage: number; readonly bufferBytes: number }) =>
  values.bufferBytes >= values.maxMessage
    ? []
    : [
        `${settings.bufferBytes.name}: expected at least ${settings.maxMessage.name} (${values.maxMessage} bytes), for a message of that size could never pass`
      ]

/** The largest message, in bytes. A larger one fails by itself, not the connection. */
export const MaxMessage = Context.Reference<number>("mcp-proxy/upstream/Bounds/MaxMessage", {
  defaultValue: () => settings.maxMessage.absent
})

/** The count of all bytes that are held in this process. */
export const Buffers = Context.Reference<ByteBudget>("mcp-proxy/upstream/Bounds/Buffers", {
  defaultValue: () => new ByteBudget(settings.bufferBytes.absent)
})

/** Why something larger than the largest message is not taken. */
export const tooLarge = (what: string, maxMessage: number): string =>
  `${what} is larger than the limit of ${maxMessage} bytes (${settings.maxMessage.name})`

/** Why something is not taken that would otherwise be. */
export const noRoom = ({ limit }: ByteBudget): string =>
  `the proxy holds as much as it may for those who are slow: ${limit} bytes (${settings.bufferBytes.name})`
