/** A client that begins with `initialize`, by hand: POST, its streams, and one standing stream. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Fields, Id, Message, Revision } from "../../fixtures/polyglot/message.ts"
import {
  answerTo,
  capabilitiesOf,
  messagesOf,
  mustHold,
  type Outcome,
  type Question,
  questionOf,
  type RequestOptions,
  type WireClient
} from "./wireClient.ts"

const MODERN_FIELDS = ["resultType", "ttlMs", "cacheScope", "inputRequests", "requestState"]

class Connection {
  readonly url: string
  readonly revision: Revision
  private readonly headers: Record<string, string> = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream"
  }
  private readonly end = new AbortController()
  readonly heard: Array<Message> = []
  private lastId = 0
  private level: string | undefined

  private readonly capabilities: Fields
  /** Cancellations on their way: they are of no use after the session's end. */
  private readonly cancelling: Array<Promise<void>> = []

  constructor(url: string, revision: Revision, capabilities: Fields) {
    this.url = url
    this.revision = revision
    this.capabilities = capabilities
  }

  private post(message: Message): Promise<Response> {
    return fetch(this.url, {
      method: "POST",
      headers: this.headers,
      body: JSON.stringify({ jsonrpc: "2.0", ...message })
    })
  }

  /** Sends what has no answer of its own. */
  private async tell(message: Message): Promise<void> {
    const response = await this.post(message)
    await response.body?.cancel()
    mustHold(response.status === 202, `answered ${response.status}`, message)
  }

  private async answer(question: Message): Promise<Question> {
    const asked = questionOf(question)
    await this.tell({ id: question.id ?? null, result: answerTo(asked) })
    return asked
  }

  async exchange(method: string, params: Fields, options: RequestOptions, signal?: AbortSignal): Promise<Outcome> {
    if (options.log !== undefined && options.log !== this.level) {
      this.level = options.log
      const set = await this.exchange("logging/setLevel", { level: options.log }, {})
      mustHold(set.result !== undefined, "no level was set", set)
    }
    const id = ++this.lastId
    signal?.addEventListener("abort", () => {
      const params = { requestId: id, reason: "no longer wanted" }
      this.cancelling.push(this.tell({ method: "notifications/cancelled", params }))
    })
    const { progressToken } = options
    const meta = progressToken === undefined ? {} : { _meta: { progressToken } }
    const response = await this.post({ id, method, params: { ...params, ...meta } })
    if (method === "initialize") this.headers["mcp-session-id"] = response.headers.get("mcp-session-id") ?? "none"
    const said: Array<Message> = []
    const asked: Array<Promise<Question>> = []
    let last: Message | undefined
    for await (const message of messagesOf(response)) {
      mustHold(last === undefined, "something after the answer", message)
      if (message.method === undefined) last = this.checked(message, id)
      else if (message.id === undefined) said.push(message)
      else asked.push(this.answer(message))
    }
    return { result: last?.result, error: last?.error, said, asked: await Promise.all(asked) }
  }

  private checked(message: Message, id: Id): Message {
    mustHold(message.id === id, `not the answer to ${id}`, message)
    for (const field of MODERN_FIELDS) mustHold(!(field in (message.result ?? {})), `${field} in an answer`, message)
    return message
  }

  async begin(): Promise<void> {
    const { result } = await this.exchange(
      "initialize",
      {
        protocolVersion: this.revision,
        capabilities: this.capabilities,
        clientInfo: { name: "matrix", version: this.revision }
      },
      {}
    )
    mustHold(result?.["protocolVersion"] === this.revision, `${this.revision} was asked for`, result)
    if (this.revision >= "2025-06-18") this.headers["mcp-protocol-version"] = this.revision
    await this.tell({ method: "notifications/initialized" })
    const response = await fetch(this.url, { headers: this.headers, signal: this.end.signal })
    mustHold(response.status === 200, "no standing stream", response.status)
    void this.hear(response)
  }

  private async hear(response: Response): Promise<void> {
    try {
      for await (const message of messagesOf(response)) {
        if (message.method !== undefined && message.id !== undefined) await this.answer(message)
        else this.heard.push(message)
      }
    } catch (error) {
      if (!this.end.signal.aborted) throw error
    }
  }

  async close(): Promise<void> {
    this.end.abort()
    await Promise.all(this.cancelling)
    await fetch(this.url, { method: "DELETE", headers: this.headers })
  }
}

/** Begins a session, which ends with the scope. */
export const connectLegacy = (
  url: string,
  revision: Revision,
  capabilities: Fields = capabilitiesOf(revision)
): Effect.Effect<WireClient, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const connection = new Connection(url, revision, capabilities)
      await connection.begin()
      return connection
    }),
    (connection) => Effect.promise(() => connection.close())
  ).pipe(
    Effect.map((connection) => {
      const request: WireClient["request"] = (method, params = {}, options = {}) =>
        Effect.promise((signal) => connection.exchange(method, params, options, signal))
      const each = (method: string, uris: ReadonlyArray<string>) =>
        Effect.forEach(uris, (uri) =>
          Effect.map(request(method, { uri }), (outcome) =>
            mustHold(outcome.error === undefined && outcome.result !== undefined, `${method} ${uri}`, outcome)
          )
        )
      return {
        revision,
        request,
        listen: (uris) =>
          Effect.map(each("resources/subscribe", uris), () => {
            const before = connection.heard.length
            return {
              get heard() {
                return connection.heard.slice(before)
              },
              stop: Effect.asVoid(each("resources/unsubscribe", uris))
            }
          })
      }
    })
  )
