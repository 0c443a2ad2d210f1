/** The MCP endpoint by hand: for what no client library would send. */
import * as Effect from "effect/Effect"
import { request as nodeRequest } from "node:http"
import type { Socket } from "node:net"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

const JSON_HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" }

/** One HTTP request, its answer read to the end. Unlike fetch it sends any Host and Origin. */
export const send = (
  url: string,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string | undefined>>
    readonly body?: string | Uint8Array
  } = {}
): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(options.headers ?? {})) if (value !== undefined) headers[name] = value
    const request = nodeRequest(url, { method: options.method ?? "GET", headers, agent: false }, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () =>
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            headers: response.headers as Record<string, string>,
            text: Buffer.concat(chunks).toString()
          })
        )
      )
    })
    request.on("error", (error) => resume(Effect.succeed({ status: 0, headers: {}, text: error.message })))
    request.end(options.body)
    return Effect.sync(() => request.destroy())
  })

/** A POST of one message, or of a text as it is. */
export const post = (
  url: string,
  message: unknown,
  headers: Readonly<Record<string, string | undefined>> = {}
): Effect.Effect<Answer> =>
  send(url, {
    method: "POST",
    headers: { ...JSON_HEADERS, ...headers },
    body: typeof message === "string" || message instanceof Uint8Array ? message : JSON.stringify(message)
  })

export const request = (method: string, params: object = {}, id: unknown = 1) => ({
  jsonrpc: "2.0",
  id,
  method,
  params
})

/** A call that wants to be told of progress. */
export const toolCall = (name: string, args: object = {}, id: unknown = 1) =>
  request("tools/call", { name, arguments: args, _meta: { progressToken: 1 } }, id)

export const initialize = (revision = "2025-11-25", capabilities: object = {}) => ({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: revision, capabilities, clientInfo: { name: "wire", version: "1" } }
})

/** Begins a session; its id, as the header to send. */
export const begin = (url: string, revision?: string, capabilities?: object) =>
  Effect.map(post(url, initialize(revision, capabilities)), ({ headers }) => ({
    "mcp-session-id": headers["mcp-session-id"] ?? "none"
  }))

/** The JSON-RPC message of an answer, whether it came as JSON or as the last event of a stream. */
export const messageOf = (
  answer: Answer
): Record<string, unknown> & { readonly error?: { code: number; message: string } } => {
  const events = eventsOf(answer.text)
  const last = events.findLast(({ data }) => data !== "")
  return JSON.parse(last?.data ?? answer.text) as Record<string, unknown>
}

export interface WireEvent {
  readonly id: string | undefined
  readonly data: string
  readonly retry: string | undefined
}

/** The events of a text/event-stream body. */
export const eventsOf = (text: string): ReadonlyArray<WireEvent> =>
  text
    .split("\n\n")
    .map((block) => block.split("\n").filter((line) => !line.startsWith(":")))
    .filter((lines) => lines.some((line) => line !== ""))
    .map((lines) => {
      const field = (name: string): string | undefined =>
        lines
          .find((line) => line.startsWith(`${name}:`))
          ?.slice(name.length + 1)
          .trim()
      return { id: field("id"), data: field("data") ?? "", retry: field("retry") }
    })

/** A stream that is read as it comes. */
export interface OpenStream {
  readonly status: number
  readonly text: () => string
  readonly ended: () => boolean
  readonly close: Effect.Effect<void>
}

/** Opens a stream and returns as soon as its head is there. */
export const openStream = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: string
): Effect.Effect<OpenStream> =>
  Effect.callback((resume) => {
    let text = ""
    let ended = false
    const request = nodeRequest(
      url,
      {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          accept: "application/json, text/event-stream",
          ...headers
        },
        agent: false
      },
      (response) => {
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString()
        })
        response.on("close", () => {
          ended = true
        })
        response.on("error", () => {
          ended = true
        })
        resume(
          Effect.succeed({
            status: response.statusCode ?? 0,
            text: () => text,
            ended: () => ended,
            close: Effect.sync(() => request.destroy())
          })
        )
      }
    )
    request.on("error", () => {
      ended = true
    })
    request.end(body)
  })

/**
 * Breaks a connection off with a RST. One whose own end is on its way is dropped instead: Node fails to reset it (EINVAL),
 * then never closes it, and the process that has it never ends.
 */
export const reset = (socket: Socket): void => {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}
