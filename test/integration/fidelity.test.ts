/** What comes back through the proxy is what the server says directly, but for the rewrites that are named here. */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ResourceUri from "../../src/domain/ResourceUri.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import { clientOf, directTransport, runEverything, stdioEntry } from "./everything.ts"
import { fixture, projectRoot, readyProxy } from "./harness.ts"

const REVISIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
const MODES = ["stdio", "sse", "streamableHttp"] as const

/** The names of one server in the merged view: the whole list of rewrites. */
interface Renaming {
  readonly name: (own: string) => string
  readonly uri: (own: string) => string
}

const plain: Renaming = { name: (own) => own, uri: (own) => own }
const prefixed = (server: string): Renaming => ({
  name: (own) => `${server}_${own}`,
  uri: (own) => ResourceUri.toPublic(ServerId.make(server), own)
})

/** Calls whose outcome does not depend on time, session ids or chance. */
const CALLS: ReadonlyArray<readonly [string, Record<string, unknown>]> = [
  ["echo", { message: 'hello \u2028 "quoted" \\ and more' }],
  ["get-sum", { a: 1, b: 2 }],
  ["get-tiny-image", {}],
  ["get-annotated-message", { messageType: "error", includeImage: true }],
  ["get-structured-content", { location: "New York" }],
  ["get-resource-links", { count: 3 }],
  ["trigger-elicitation-request", {}],
  ["trigger-sampling-request", { prompt: "p", maxTokens: 5 }],
  ["get-roots-list", {}],
  ["trigger-long-running-operation", { duration: 0.2, steps: 2 }],
  ["get-sum", { a: "not a number" }]
]

const settle = async (answer: Promise<unknown>): Promise<unknown> => {
  try {
    return await answer
  } catch (error) {
    return { error: (error as Error).message }
  }
}

/** The tools once they stay what they are: the server registers some of them only after initialize. */
const stableTools = async (client: Client): Promise<ReadonlyArray<{ readonly name: string }>> => {
  for (let last = ""; ;) {
    const { tools } = await client.listTools()
    const names = JSON.stringify(tools.map(({ name }) => name))
    if (names === last) return tools
    last = names
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
}

/** Everything that a server says to a client, under the names of a view. */
const portrait = async (client: Client, { name, uri }: Renaming): Promise<Record<string, unknown>> => {
  const tools = await stableTools(client)
  const own = (list: ReadonlyArray<{ readonly name: string }>) => list.filter((item) => item.name.startsWith(name("")))
  const { prompts } = await client.listPrompts()
  const { resources } = await client.listResources()
  const { resourceTemplates } = await client.listResourceTemplates()
  const mine = resources.filter((resource) => resource.uri.startsWith(uri("demo://")))
  return {
    tools: own(tools),
    prompts: own(prompts),
    resources: mine,
    templates: resourceTemplates.filter((template) => template.uriTemplate.startsWith(uri("demo://"))),
    calls: await Promise.all(
      CALLS.map(([tool, args]) => settle(client.callTool({ name: name(tool), arguments: args })))
    ),
    reads: await Promise.all(mine.map((resource) => settle(client.readResource({ uri: resource.uri })))),
    dynamic: await settle(client.readResource({ uri: uri("demo://resource/dynamic/blob/2") })).then(withoutTime),
    gets: await Promise.all([
      settle(client.getPrompt({ name: name("simple-prompt") })),
      settle(client.getPrompt({ name: name("args-prompt"), arguments: { city: "Oslo", state: "N" } })),
      settle(client.getPrompt({ name: name("args-prompt"), arguments: {} }))
    ]),
    completions: await Promise.all([
      settle(
        client.complete({
          ref: { type: "ref/prompt", name: name("completable-prompt") },
          argument: { name: "department", value: "E" }
        })
      ),
      settle(
        client.complete({
          ref: { type: "ref/resource", uri: uri("demo://resource/dynamic/text/{resourceId}") },
          argument: { name: "resourceId", value: "1" }
        })
      )
    ])
  }
}

/** Dynamic resources of the everything server say when they were made. */
const withoutTime = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === "blob" || key === "text" ? typeof inner : inner)))

/** A direct portrait as it must look in a view. */
const renamed = (value: unknown, { name, uri }: Renaming): unknown => {
  const walk = (inner: unknown, path: ReadonlyArray<string>): unknown => {
    if (Array.isArray(inner)) return inner.map((item) => walk(item, path))
    if (typeof inner !== "object" || inner === null) return inner
    return Object.fromEntries(
      Object.entries(inner).map(([key, item]) => {
        const isItemName = key === "name" && path.length === 1 && ["tools", "prompts"].includes(path[0] ?? "")
        if (isItemName && typeof item === "string") return [key, name(item)]
        const isUri = key === "uri" || key === "uriTemplate"
        if (isUri && typeof item === "string" && !path.includes("structuredContent")) return [key, uri(item)]
        return [key, walk(item, [...path, key])]
      })
    )
  }
  return walk(value, [])
}

const throughProxy = (url: string) => (): Transport => new StreamableHTTPClientTransport(new URL(url)) as Transport

describe("the everything server through the proxy says what it says directly", () => {
  for (const mode of MODES) {
    it.live(`over ${mode}, to clients of every revision, alone and among others`, () =>
      Effect.gen(function* () {
        const url = mode === "stdio" ? "" : yield* runEverything(mode)
        const everything = mode === "stdio" ? { ...stdioEntry, isolation: "session" } : { url }
        const memory = join(projectRoot, "node_modules/@modelcontextprotocol/server-memory/dist/index.js")
        const file = join(mkdtempSync(join(tmpdir(), "mcp-proxy-memory-")), "memory.jsonl")
        const proxy = yield* readyProxy({
          config: {
            mcpServers: {
              everything,
              memory: { command: process.execPath, args: [memory], env: { MEMORY_FILE_PATH: file } },
              raw: { command: process.execPath, args: [fixture("raw-stdio.ts")] }
            }
          }
        })
        for (const revision of REVISIONS) {
          const direct = yield* clientOf(directTransport(mode, url), revision)
          const expected = yield* Effect.promise(() => portrait(direct, plain))
          assert.isAbove((expected["tools"] as ReadonlyArray<unknown>).length, 10)
          const alone = yield* clientOf(throughProxy(`${proxy.url}/everything`), revision)
          assert.deepStrictEqual(yield* Effect.promise(() => portrait(alone, plain)), expected, `alone, ${revision}`)
          const among = yield* clientOf(throughProxy(proxy.url), revision)
          const merged = yield* Effect.promise(() => portrait(among, prefixed("everything")))
          assert.deepStrictEqual(merged, renamed(expected, prefixed("everything")), `among others, ${revision}`)
        }
      }).pipe(Effect.scoped)
    )
  }
})

describe("a server that is the only one configured", () => {
  it.live("keeps its names, and its files are read and written through the proxy", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-files-"))
      writeFileSync(join(folder, "note.txt"), "line one\r\nline two\n")
      const program = join(projectRoot, "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js")
      const files = { command: process.execPath, args: [program, folder] }
      const proxy = yield* readyProxy({ config: { mcpServers: { files } } })
      const client = yield* clientOf(throughProxy(proxy.url), "2025-11-25")
      const read = yield* Effect.promise(() =>
        client.callTool({ name: "read_text_file", arguments: { path: join(folder, "note.txt") } })
      )
      assert.deepStrictEqual(read["content"], [{ type: "text", text: "line one\r\nline two\n" }])
      const big = "0123456789".repeat(1_000_000)
      yield* Effect.promise(() =>
        client.callTool({ name: "write_file", arguments: { path: join(folder, "big.txt"), content: big } })
      )
      const again = yield* Effect.promise(() =>
        client.callTool({ name: "read_text_file", arguments: { path: join(folder, "big.txt") } })
      )
      const [block] = again["content"] as ReadonlyArray<{ readonly text: string }>
      assert.isTrue(block?.text === big, "ten megabytes arrive whole, both ways")
    }).pipe(Effect.scoped)
  )
})
