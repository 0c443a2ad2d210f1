/** What the clients of both eras have in common: requests, questions answered on the way, and what is heard meanwhile. */
import type * as Effect from "effect/Effect"
import { fieldsOf, type Fields, type Message, type Revision } from "../../fixtures/polyglot/message.ts"

export interface Question {
  readonly method: string
  readonly params: Fields
}

/** How a request went. */
export interface Outcome {
  readonly result?: Fields | undefined
  readonly error?: Message["error"] | undefined
  /** The notifications that came on the request's own stream, before its answer. */
  readonly said: ReadonlyArray<Message>
  /** The questions that were put, and answered. */
  readonly asked: ReadonlyArray<Question>
}

export interface RequestOptions {
  /** Asks for log messages of this level. */
  readonly log?: string
  readonly progressToken?: string | number
}

/** What a client hears without having asked for anything in particular. */
export interface Standing {
  readonly heard: ReadonlyArray<Message>
  /** Stops listening. */
  readonly stop: Effect.Effect<void>
}

export interface WireClient {
  readonly revision: Revision
  /** Makes a request and answers what is asked meanwhile; takes the request back when interrupted. */
  readonly request: (method: string, params?: Fields, options?: RequestOptions) => Effect.Effect<Outcome>
  /** Listens for changes of the list of tools, and of these resources. Resolves when the other side knows. */
  readonly listen: (resources: ReadonlyArray<string>) => Effect.Effect<Standing>
}

/** What a client of this revision says that it can be asked. */
export const capabilitiesOf = (revision: Revision): Fields => ({
  sampling: {},
  roots: {},
  ...(revision >= "2025-11-25"
    ? { elicitation: { form: {}, url: {} } }
    : revision >= "2025-06-18"
      ? { elicitation: {} }
      : {})
})

/** The one answer that clients here give to a question. */
export const answerTo = ({ method, params }: Question): Fields => {
  switch (method) {
    case "elicitation/create":
      return params["mode"] === "url" ? { action: "accept" } : { action: "accept", content: { name: "Ada Ångström" } }
    case "sampling/createMessage": {
      const [message] = params["messages"] as ReadonlyArray<{ readonly content: { readonly text: string } }>
      return {
        role: "assistant",
        model: "none",
        content: { type: "text", text: `an answer to: ${message?.content.text}` }
      }
    }
    case "roots/list":
      return { roots: [{ uri: "file:///home/ada", name: "home" }] }
    default:
      throw new Error(`no question of MCP: ${method}`)
  }
}

/** Fails what breaks the protocol, in words. */
export const mustHold = (condition: boolean, what: string, message: unknown): void => {
  if (!condition) throw new Error(`${what}: ${JSON.stringify(message)}`)
}

/** The messages of an HTTP response as they come, whether it is JSON or a stream. */
export async function* messagesOf(response: Response): AsyncGenerator<Message> {
  if (response.headers.get("content-type")?.startsWith("application/json") === true) {
    yield (await response.json()) as Message
    return
  }
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    const blocks = text.split(/\r?\n\r?\n/u)
    text = blocks.pop() ?? ""
    for (const block of blocks) {
      const data = block
        .split(/\r?\n/u)
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice("data:".length).trim())
        .join("\n")
      if (data !== "") yield JSON.parse(data) as Message
    }
  }
}

export const questionOf = ({ method, params }: Message): Question => ({
  method: method ?? "",
  params: fieldsOf(params)
})
