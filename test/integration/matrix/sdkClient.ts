/** The official clients behind the same face as those by hand: the first generation for legacy, the second for modern. */
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client"
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as LegacyTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  type LoggingLevel,
  ResultSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Fields, isFields, type Message } from "../../fixtures/polyglot/message.ts"
import { answerTo, capabilitiesOf, type Outcome, type Question, questionOf, type WireClient } from "./wireClient.ts"

type Progress = (progress: Fields) => void

/** What differs between the generations. */
interface Generation {
  readonly revision: WireClient["revision"]
  /** What it hears and is asked, in order, whatever request it came with. */
  readonly heard: Array<Message>
  readonly asked: Array<Question>
  readonly request: (
    method: string,
    params: Fields,
    options: { readonly signal: AbortSignal; readonly onprogress?: Progress }
  ) => Promise<unknown>
  readonly logAt: ((level: string) => Promise<unknown>) | undefined
  /** Resolves to what ends it. */
  readonly listen: (uris: ReadonlyArray<string>) => Promise<() => Promise<unknown>>
  readonly close: () => Promise<void>
}

/** The error of a rejected request, in the server's own words. */
const errorOf = (thrown: unknown): NonNullable<Message["error"]> => {
  if (!(thrown instanceof Error) || !("code" in thrown) || typeof thrown.code !== "number") throw thrown
  const message = thrown.message.replace(/^MCP error -?\d+: /u, "")
  const data = "data" in thrown && thrown.data !== undefined ? { data: thrown.data } : {}
  return { code: thrown.code, message, ...data }
}

/** Requests are to be made one after the other: what is heard meanwhile counts as theirs. */
const faceOf = (generation: Generation): WireClient => {
  const { asked, heard, revision } = generation
  let level: string | undefined
  return {
    revision,
    request: (method, params = {}, { log, progressToken } = {}) =>
      Effect.promise(async (signal): Promise<Outcome> => {
        if (log !== undefined && log !== level) await generation.logAt?.(log)
        level = log
        const inEnvelope = log !== undefined && generation.logAt === undefined
        const meta = inEnvelope ? { _meta: { "io.modelcontextprotocol/logLevel": log } } : {}
        const [heardBefore, askedBefore] = [heard.length, asked.length]
        const onprogress = (progress: Fields): void =>
          void heard.push({ method: "notifications/progress", params: { progressToken, ...progress } })
        const outcome = await generation
          .request(method, { ...params, ...meta }, { signal, ...(progressToken === undefined ? {} : { onprogress }) })
          .then(
            (result) => ({ result: isFields(result) ? result : {} }),
            (thrown: unknown) => ({ error: errorOf(thrown) })
          )
        return { ...outcome, said: heard.slice(heardBefore), asked: asked.slice(askedBefore) }
      }),
    listen: (uris) =>
      Effect.map(
        Effect.promise(() => generation.listen(uris)),
        (stop) => {
          const before = heard.length
          return {
            get heard() {
              return heard.slice(before)
            },
            stop: Effect.promise(stop)
          }
        }
      )
  }
}

const legacy = async (url: string): Promise<Generation> => {
  const revision = "2025-11-25"
  const client = new LegacyClient({ name: "sdk", version: "1" }, { capabilities: capabilitiesOf(revision) })
  const heard: Array<Message> = []
  const asked: Array<Question> = []
  const answer = (request: object): never => {
    const question = questionOf(request)
    asked.push(question)
    return answerTo(question) as never
  }
  client.setRequestHandler(ElicitRequestSchema, answer)
  client.setRequestHandler(CreateMessageRequestSchema, answer)
  client.setRequestHandler(ListRootsRequestSchema, answer)
  client.fallbackNotificationHandler = (notification) => Promise.resolve(void heard.push(notification as Message))
  await client.connect(new LegacyTransport(new URL(url)) as Transport)
  return {
    revision,
    heard,
    asked,
    request: (method, params, options) =>
      client.request({ method, params }, ResultSchema, options as Parameters<typeof client.request>[2]),
    logAt: (level) => client.setLoggingLevel(level as LoggingLevel),
    listen: async (uris) => {
      for (const uri of uris) await client.subscribeResource({ uri })
      return () => Promise.all(uris.map((uri) => client.unsubscribeResource({ uri })))
    },
    close: () => client.close()
  }
}

const modern = async (url: string): Promise<Generation> => {
  const revision = "2026-07-28"
  const client = new ModernClient(
    { name: "sdk", version: "2" },
    { capabilities: capabilitiesOf(revision), versionNegotiation: { mode: { pin: revision } } }
  )
  const heard: Array<Message> = []
  const asked: Array<Question> = []
  const answer = (request: object): never => {
    const question = questionOf(request)
    asked.push(question)
    return answerTo(question) as never
  }
  client.setRequestHandler("elicitation/create", answer)
  client.setRequestHandler("sampling/createMessage", answer)
  client.setRequestHandler("roots/list", answer)
  client.fallbackNotificationHandler = (notification) => Promise.resolve(void heard.push(notification as Message))
  await client.connect(new ModernTransport(new URL(url)))
  // From what is listed the client learns which arguments have to be in headers.
  await client.listTools()
  return {
    revision,
    heard,
    asked,
    request: (method, params, options) =>
      method === "tools/call"
        ? client.callTool(params as never, options as never)
        : client.request({ method, params } as never, options as never),
    logAt: undefined,
    listen: async (uris) => {
      const subscription = await client.listen({ toolsListChanged: true, resourceSubscriptions: [...uris] })
      return () => subscription.close()
    },
    close: () => client.close()
  }
}

/** An official client of an era's newest revision, connected until the scope closes. */
export const connectSdk = (url: string, era: "legacy" | "modern"): Effect.Effect<WireClient, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => (era === "legacy" ? legacy(url) : modern(url))),
      ({ close }) => Effect.promise(() => close().catch(() => {}))
    ),
    faceOf
  )
