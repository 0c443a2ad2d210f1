/** MCP Apps through the proxy: pages are found, and what they call is their own server's, in all four combinations. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Json from "../../src/domain/Json.ts"
import { type Era, EXTENSION, LATEST_LEGACY, LATEST_MODERN } from "../../src/domain/Protocol.ts"
import { type MemoryServer, memoryFleet } from "../support/memoryFleet.ts"
import { memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"

const ANN = person("ann@example.com")
const RULES = rulesOf({ "*": { allowed_tools: ["*"], allowed_resources: ["*"] } })

const UI = { extensions: { [EXTENSION.ui]: {} } }

/** A tool with a page, as the extension has it, and as it had it before. */
const page = (uri: string) => ({ _meta: { ui: { resourceUri: uri, visibility: ["model"] }, "ui/resourceUri": uri } })

const app = (era: Era, uri: string, ...own: ReadonlyArray<string>): MemoryServer => ({
  era,
  offer: { tools: ["show", "refresh", ...own], resources: [uri] },
  more: { show: page(uri) },
  capabilities: { tools: {}, resources: {}, ...UI },
  raw: (message) => {
    const { params } = JSON.parse(Buffer.from(message).toString()) as { readonly params: { readonly name?: string } }
    const said = { called: params.name, ...page(uri), contents: [{ uri, mimeType: "text/html;profile=mcp-app" }] }
    return Json.encode({ jsonrpc: "2.0", id: 1, result: { resultType: "complete", ...said } })
  }
})

const COMBINATIONS = [LATEST_LEGACY, LATEST_MODERN].flatMap((revision) =>
  (["legacy", "modern"] as const).map((era) => [revision, era] as const)
)

interface Tool {
  readonly name: string
  readonly _meta?: unknown
}

describe("an app", () => {
  it.effect.each(COMBINATIONS)(
    "is shown to a client of %s by a %s server: its page is read as it is named",
    ([revision, era]) =>
      Effect.gen(function* () {
        const fleet = memoryFleet({ maps: app(era, "ui://maps/view.html"), mail: app(era, "ui://mail/view.html") })
        const gateway = yield* memoryGateway(fleet, RULES)
        const session = yield* gateway.begin(ANN, undefined, revision)
        assert.include(session.begun.body, EXTENSION.ui)
        const tools = (yield* session.call("tools/list"))["tools"] as ReadonlyArray<Tool>
        const shown = "ui://maps/maps/view.html"
        assert.deepStrictEqual(tools.find(({ name }) => name === "maps_show")?.["_meta"], page(shown)["_meta"])
        const read = yield* session.call("resources/read", { uri: shown })
        assert.deepInclude(read["contents"], { uri: shown, mimeType: "text/html;profile=mcp-app" })
        const called = yield* session.call("tools/call", { name: "maps_show" })
        assert.strictEqual((called["_meta"] as ReturnType<typeof page>["_meta"]).ui.resourceUri, shown)
      }).pipe(Effect.scoped)
  )

  it.effect.each(COMBINATIONS)(
    "calls its own server's tools by their own names, to a client of %s by a %s server",
    ([revision, era]) =>
      Effect.gen(function* () {
        const fleet = memoryFleet({
          maps: app(era, "ui://maps/view.html"),
          mail: app(era, "ui://mail/view.html", "send"),
          plain: { era, offer: { tools: ["send", "delete"] } }
        })
        const gateway = yield* memoryGateway(fleet, RULES)
        const session = yield* gateway.begin(ANN, undefined, revision)
        // Only servers with pages are meant by names that nobody else would use.
        yield* session.call("tools/call", { name: "send" })
        assert.strictEqual(fleet.reached.at(-1), "mail tools/call")
        const unknown = yield* session.send("tools/call", { name: "delete" })
        assert.include(unknown.body, "Unknown tool")
        for (const [uri, server] of [
          ["ui://maps/maps/view.html", "maps"],
          ["ui://mail/mail/view.html", "mail"]
        ]) {
          yield* session.call("resources/read", { uri })
          yield* session.call("tools/call", { name: "refresh" })
          assert.strictEqual(fleet.reached.at(-1), `${server} tools/call`, "that of the page that was read last")
        }
      }).pipe(Effect.scoped)
  )

  it.effect("calls nothing that its person may not use", () =>
    Effect.gen(function* () {
      const fleet = memoryFleet({ maps: app("legacy", "ui://maps/view.html"), plain: { offer: {} } })
      const rules = rulesOf({ "*": { allowed_tools: ["maps/show"], allowed_resources: ["*"] } })
      const gateway = yield* memoryGateway(fleet, rules)
      const session = yield* gateway.begin(ANN)
      assert.include((yield* session.send("tools/call", { name: "refresh" })).body, "Unknown tool")
      yield* session.call("tools/call", { name: "show" })
    }).pipe(Effect.scoped)
  )
})

describe("an extension", () => {
  it.effect.each([LATEST_LEGACY, LATEST_MODERN])(
    "is shown in %s where a server declares it, and never made up",
    (revision) =>
      Effect.gen(function* () {
        const declared = { tools: {}, extensions: { "com.example/x": { deep: { as: ["it", "is"] } } } }
        const servers = { a: { offer: { tools: ["x"] }, capabilities: declared }, b: { offer: { tools: ["y"] } } }
        const gateway = yield* memoryGateway(memoryFleet(servers), RULES)
        const { begun } = yield* gateway.begin(ANN, undefined, revision)
        const { result } = JSON.parse(begun.body) as { readonly result: { readonly capabilities: typeof declared } }
        assert.deepStrictEqual(result.capabilities.extensions, declared.extensions)
        const { begun: other } = yield* gateway.begin(ANN, "b", revision)
        assert.notInclude(other.body, "extensions")
      }).pipe(Effect.scoped)
  )
})
