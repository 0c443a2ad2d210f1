/** A client of 2026-07-28 by hand: every request says it all, questions are answered by making the request again. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { isDeepStrictEqual } from "node:util"
import { fieldsOf, type Fields, type Message, type Revision } from "../../fixtures/polyglot/message.ts"
import {
  answerTo,
  capabilitiesOf,
  messagesOf,
  mustHold,
  type Outcome,
  type Question,
  questionOf,
  type RequestOptions,
  type Standing,
  type WireClient
} from "./wireClient.ts"

const REVISION: Revision = "2026-07-28"
const META = "io.modelcontextprotocol"
const MAX_ROUNDS = 10
const CACHEABLE = new Set([
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read"
])

/** A value as a header may bear it (transports/streamable-http, §Request Metadata). */
const headerValue = (value: string): string =>
  /^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/u.test(value) && !value.startsWith("=?base64?")
    ? value
    : `=?base64?${Buffer.from(value).toString("base64")}?=`

const headersOf = (method: string, params: Fields): Record<string, string> => {
  const named = method === "resources/read" ? params["uri"] : params["name"]
  const { region } = fieldsOf(params["arguments"])
  return {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": REVISION,
    "mcp-method": method,
    ...(typeof named === "string" ? { "mcp-name": headerValue(named) } : {}),
    ...(typeof region === "string" ? { "mcp-param-region": headerValue(region) } : {})
  }
}

class Requests {
  private readonly url: string
  private readonly capabilities: Fields
  private lastId = 0

  constructor(url: string, capabilities: Fields) {
    this.url = url
    this.capabilities = capabilities
  }

  private async send(
    id: number,
    method: string,
    params: Fields,
    { log, progressToken }: RequestOptions,
    signal: AbortSignal
  ): Promise<Response> {
    const envelope = {
      [`${META}/protocolVersion`]: REVISION,
      [`${META}/clientCapabilities`]: this.capabilities,
      [`${META}/clientInfo`]: { name: "matrix", version: REVISION },
      ...(log === undefined ? {} : { [`${META}/logLevel`]: log }),
      ...(progressToken === undefined ? {} : { progressToken })
    }
    const body = JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: envelope } })
    const response = await fetch(this.url, { method: "POST", headers: headersOf(method, params), body, signal })
    mustHold(response.headers.get("mcp-session-id") === null, "a session id", [...response.headers])
    return response
  }

  /** One request to its answer; of an interrupted one, what there was until then. */
  private async once(
    method: string,
    params: Fields,
    options: RequestOptions,
    signal: AbortSignal,
    said: Array<Message>
  ): Promise<Message | undefined> {
    const id = ++this.lastId
    const response = await this.send(id, method, params, options, signal)
    let last: Message | undefined
    for await (const message of messagesOf(response)) {
      mustHold(last === undefined, "something after the answer", message)
      mustHold(message.method === undefined || message.id === undefined, "a request from a server", message)
      if (message.method !== undefined) said.push(message)
      else {
        mustHold(message.id === id, `not the answer to ${id}`, message)
        last = message
      }
    }
    const { error, result } = last ?? {}
    mustHold(error !== undefined || result !== undefined, "no answer", response.status)
    if (result === undefined) return last
    mustHold(["complete", "input_required"].includes(String(result["resultType"])), "no resultType", last)
    if (CACHEABLE.has(method) && result["resultType"] === "complete") {
      const { cacheScope, ttlMs } = result
      mustHold(Number.isInteger(ttlMs) && ["public", "private"].includes(String(cacheScope)), "no hint", last)
    }
    return last
  }

  /** A request with all its rounds. */
  async exchange(method: string, params: Fields, options: RequestOptions, signal: AbortSignal): Promise<Outcome> {
    const said: Array<Message> = []
    const asked: Array<Question> = []
    let more: Fields = {}
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const last = await this.once(method, { ...params, ...more }, options, signal, said)
      const result = last?.result
      if (result?.["resultType"] !== "input_required") return { result, error: last?.error, said, asked }
      const { inputRequests, requestState } = result
      const questions = Object.entries(fieldsOf(inputRequests)).map(
        ([key, question]) => [key, questionOf(question as Message)] as const
      )
      mustHold(questions.length > 0 || requestState !== undefined, "input required, but none named", last)
      for (const [, question] of questions) mustHold(!("elicitationId" in question.params), "an elicitationId", last)
      asked.push(...questions.map(([, question]) => question))
      more = {
        ...(questions.length > 0
          ? { inputResponses: Object.fromEntries(questions.map(([key, question]) => [key, answerTo(question)])) }
          : {}),
        ...(requestState === undefined ? {} : { requestState })
      }
    }
    throw new Error(`${method} is not done after ${MAX_ROUNDS} rounds`)
  }

  /** Opens a subscription; `acknowledged` is called with what the server will tell. */
  async listen(
    notifications: Fields,
    heard: Array<Message>,
    signal: AbortSignal,
    acknowledged: (what: Fields) => void
  ) {
    const id = ++this.lastId
    const response = await this.send(id, "subscriptions/listen", { notifications }, {}, signal)
    let isFirst = true
    for await (const message of messagesOf(response)) {
      const params = fieldsOf(message.params)
      mustHold(fieldsOf(params["_meta"])[`${META}/subscriptionId`] === id, "not of this subscription", message)
      mustHold(isFirst === (message.method === "notifications/subscriptions/acknowledged"), "out of turn", message)
      if (isFirst) acknowledged(fieldsOf(params["notifications"]))
      else heard.push(message)
      isFirst = false
    }
  }
}

/** A client for an endpoint; it holds nothing but the number of its last request. */
export const modernClient = (url: string, capabilities: Fields = capabilitiesOf(REVISION)): WireClient => {
  const requests = new Requests(url, capabilities)
  return {
    revision: REVISION,
    request: (method, params = {}, options = {}) =>
      Effect.promise((signal) => requests.exchange(method, params, options, signal)),
    listen: (uris) =>
      Effect.gen(function* () {
        const heard: Array<Message> = []
        const acknowledged = yield* Deferred.make<Fields>()
        const wanted = { toolsListChanged: true, ...(uris.length > 0 ? { resourceSubscriptions: uris } : {}) }
        const stream = yield* Effect.forkChild(
          Effect.promise((signal) =>
            requests.listen(wanted, heard, signal, (what) => Deferred.doneUnsafe(acknowledged, Effect.succeed(what)))
          ).pipe(Effect.onError((cause) => Deferred.failCause(acknowledged, cause)))
        )
        const honoured = yield* Deferred.await(acknowledged)
        mustHold(isDeepStrictEqual(honoured, wanted), "not all is acknowledged", honoured)
        return { heard, stop: Fiber.interrupt(stream) } satisfies Standing
      })
  }
}
