/** What people are shown and may call: their own part of everything, the same at every endpoint. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ClientMessage from "../../src/domain/ClientMessage.ts"
import * as Json from "../../src/domain/Json.ts"
import type { Naming } from "../../src/domain/ServerConfig.ts"
import * as Router from "../../src/gateway/Router.ts"
import { Sessions } from "../../src/gateway/Sessions.ts"
import { type MemoryServer, memoryFleet } from "../support/memoryFleet.ts"
import { memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"

const ANN = person("ann@example.com")

const files: MemoryServer = {
  offer: { tools: ["read", "write"], prompts: ["sum"], resources: ["file:///a", "file:///b"] }
}
const web: MemoryServer = { offer: { tools: ["get", "read"] } }

/** Ann's gateway before these servers. */
const anns = Effect.fnUntraced(function* (
  entry: object,
  servers: Readonly<Record<string, MemoryServer>> = { files, web },
  naming?: Naming
) {
  const fleet = memoryFleet(servers, naming)
  const gateway = yield* memoryGateway(fleet, rulesOf({ "ann@example.com": entry }))
  const tools = (endpoint?: string) =>
    Effect.flatMap(gateway.begin(ANN, endpoint), ({ call }) =>
      Effect.map(call("tools/list"), ({ tools }) =>
        (tools as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)
      )
    )
  return { ...gateway, fleet, tools }
})

describe("a permission", () => {
  it.effect("is the same at every endpoint, whichever name it was given by", () =>
    Effect.gen(function* () {
      for (const allowed of ["files_read", "files/read"]) {
        const { begin, tools } = yield* anns({ allowed_tools: [allowed] })
        assert.deepStrictEqual(yield* tools(), ["files_read"], allowed)
        assert.deepStrictEqual(yield* tools("files"), ["read"], allowed)
        assert.strictEqual((yield* begin(ANN, "web")).begun.status, 404)
      }
      for (const denied of ["files_write", "files/write", "write"]) {
        const { tools } = yield* anns({ allowed_servers: ["files"], denied_tools: [denied] })
        assert.deepStrictEqual([yield* tools(), yield* tools("files")], [["files_read"], ["read"]], denied)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is asked for at each call, not only for the list", () =>
    Effect.gen(function* () {
      const { begin, fleet } = yield* anns({ allowed_servers: ["files"], denied_tools: ["write"] })
      const session = yield* begin(ANN)
      assert.include((yield* session.send("tools/call", { name: "files_read" })).body, '"result"')
      assert.include((yield* session.send("tools/call", { name: "files_write" })).body, "-32602")
      assert.deepStrictEqual(
        fleet.reached.filter((what) => what.endsWith("tools/call")),
        ["files tools/call"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("covers resources that are read without being listed", () =>
    Effect.gen(function* () {
      const { begin, fleet } = yield* anns({ allowed_servers: ["files"], allowed_resources: ["file:///docs/*"] })
      const session = yield* begin(ANN)
      yield* session.send("resources/read", { uri: "file://files/docs/x" })
      assert.deepStrictEqual(fleet.reached, ["files resources/read"])
      for (const uri of [
        "file://files/a",
        "file://files/docs/../a",
        "file://files/docs/%2e%2e/a",
        "file://web/docs/x"
      ]) {
        assert.include((yield* session.send("resources/read", { uri })).body, "-32002", uri)
      }
      assert.deepStrictEqual(fleet.reached, ["files resources/read"])
    }).pipe(Effect.scoped)
  )
})

describe("what people are told of", () => {
  it.effect("names nothing that is not theirs in hints", () =>
    Effect.gen(function* () {
      const { begin } = yield* anns({ allowed_tools: ["files/read"] })
      const { body } = yield* (yield* begin(ANN)).send("tools/call", { name: "files_writ" })
      assert.notInclude(body, "files_write")
      const whole = yield* anns({ allowed_tools: ["*"] })
      assert.include((yield* (yield* whole.begin(ANN)).send("tools/call", { name: "files_writ" })).body, "files_write")
    }).pipe(Effect.scoped)
  )

  it.effect("holds no capability of which nothing is theirs", () =>
    Effect.gen(function* () {
      const capabilities = Effect.fnUntraced(function* (
        entry: object,
        servers?: Readonly<Record<string, MemoryServer>>
      ) {
        const { begin } = yield* anns(entry, servers)
        const { begun } = yield* begin(ANN)
        return Object.keys((JSON.parse(begun.body) as { result: { capabilities: object } }).result.capabilities)
      })
      assert.deepStrictEqual(yield* capabilities({ allowed_tools: ["files/*"] }), ["tools", "completions", "logging"])
      assert.deepStrictEqual(yield* capabilities({ allowed_prompts: ["files/*"] }), [
        "prompts",
        "completions",
        "logging"
      ])
      assert.deepStrictEqual(yield* capabilities({}), [])
      const silent = { files: { ...files, status: "silent" } } as const
      assert.deepStrictEqual(yield* capabilities({ allowed_tools: ["files/*"] }, silent), ["tools"])
      assert.deepStrictEqual(yield* capabilities({ allowed_tools: ["*"] }, silent), ["tools", "prompts", "resources"])
    }).pipe(Effect.scoped)
  )

  it.effect("is named as if nothing else were there", () =>
    Effect.gen(function* () {
      const both = yield* anns({ allowed_tools: ["*"] }, undefined, "collisions")
      assert.deepStrictEqual(yield* both.tools(), ["files_read", "write", "get", "web_read"])
      const one = yield* anns({ allowed_tools: ["*"], denied_servers: ["web"] }, undefined, "collisions")
      assert.deepStrictEqual(yield* one.tools(), ["read", "write"], "nobody contests the name any more")
      assert.include((yield* (yield* one.begin(ANN)).send("tools/call", { name: "read" })).body, '"result"')
      // Two servers whose prefixes give one name: the one that may be used has it.
      const clash = { a: { offer: { tools: ["b_c"] } }, a_b: { offer: { tools: ["c"] } } }
      const hidden = yield* anns({ allowed_servers: ["a_b"] }, clash)
      assert.deepStrictEqual(yield* hidden.tools(), ["a_b_c"])
      yield* (yield* hidden.begin(ANN)).send("tools/call", { name: "a_b_c" })
      assert.deepStrictEqual(hidden.fleet.reached, ["a_b tools/call"])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps its prefix however little of it is theirs: a change of the rules renames nothing", () =>
    Effect.gen(function* () {
      const { tools } = yield* anns({ allowed_servers: ["files"] })
      assert.deepStrictEqual(yield* tools(), ["files_read", "files_write"])
    }).pipe(Effect.scoped)
  )
})

describe("a server that has never been up", () => {
  const silent = { files: { ...files, status: "silent" } as const, web }

  it.effect("says so to those who might use what they ask for, and is not woken by others", () =>
    Effect.gen(function* () {
      const { begin, fleet } = yield* anns({ allowed_servers: ["files"], denied_tools: ["write"] }, silent)
      const session = yield* begin(ANN)
      const denied = (yield* session.send("tools/call", { name: "files_write" })).body
      const nobodys = (yield* session.send("tools/call", { name: "filez_write" })).body
      assert.strictEqual(denied, nobodys.replace("filez", "files"))
      assert.deepStrictEqual(fleet.reached, [])
      assert.include((yield* session.send("tools/call", { name: "files_read" })).body, "out of order")
      assert.deepStrictEqual(fleet.reached, ["files retry"])
    }).pipe(Effect.scoped)
  )

  it.effect("is not asked for by what the endpoint of another denies", () =>
    Effect.gen(function* () {
      const { begin } = yield* anns({ allowed_tools: ["files/read"] }, silent)
      const own = yield* begin(ANN, "files")
      assert.include((yield* own.send("tools/call", { name: "read" })).body, "out of order")
      assert.include((yield* own.send("tools/call", { name: "write" })).body, "Unknown tool")
    }).pipe(Effect.scoped)
  )
})

describe("our own records", () => {
  it.effect("tell what was denied from what does not exist", () =>
    Effect.gen(function* () {
      const servers = { files, web, asleep: { ...files, status: "silent" } as const }
      const { services } = yield* anns({ allowed_tools: ["files/read"], allowed_resources: ["files/*b"] }, servers)
      const outcome = Effect.fnUntraced(function* (method: string, params: object) {
        const router = yield* Router.make
        const sessions = yield* Sessions
        const session = yield* Effect.orDie(
          sessions.begin({
            principal: ANN,
            endpoint: { _tag: "All" },
            revision: "2025-11-25",
            client: { name: "test" },
            capabilities: {}
          })
        )
        const request = ClientMessage.read(Json.encode({ jsonrpc: "2.0", id: 1, method, params }))
        if (request._tag !== "Request") return assert.fail("not a request")
        const routed = yield* Effect.flip(
          router.route(session, request, () => Duration.zero) ?? Effect.die("not routed")
        )
        return "denied" in routed ? routed.denied === true : undefined
      })
      const denied = (method: string, params: object) => Effect.provide(outcome(method, params), services)
      assert.isTrue(yield* denied("tools/call", { name: "files_write" }))
      assert.isTrue(yield* denied("tools/call", { name: "asleep_anything" }))
      assert.isTrue(yield* denied("prompts/get", { name: "files_sum" }))
      assert.isTrue(yield* denied("resources/read", { uri: "file://files/a" }))
      assert.isTrue(yield* denied("resources/read", { uri: "file://web/a" }))
      assert.isUndefined(yield* denied("tools/call", { name: "files_nothing" }))
      assert.isUndefined(yield* denied("resources/read", { uri: "file://nowhere/a" }))
    }).pipe(Effect.scoped)
  )
})

describe("a session", () => {
  it.effect("goes by what is known of its person now", () =>
    Effect.gen(function* () {
      const users = { "@corp.test": { allowed_tools: ["*"] }, "*": { allowed_tools: ["web/get"] } }
      const { services } = yield* memoryGateway(memoryFleet({ files, web }), rulesOf(users))
      const found = yield* Effect.gen(function* () {
        const sessions = yield* Sessions
        const member = person("bob@gmail.com", "corp.test")
        const begun = yield* Effect.orDie(
          sessions.begin({
            principal: member,
            endpoint: { _tag: "All" },
            revision: "2025-11-25",
            client: { name: "test" },
            capabilities: {}
          })
        )
        const { caller } = begun
        yield* sessions.find(begun.id, { ...member }, { _tag: "All" })
        assert.strictEqual(begun.caller, caller, "nothing new is known")
        const { hostedDomain: _, ...former } = member
        return yield* sessions.find(begun.id, former, { _tag: "All" })
      }).pipe(Effect.provide(services))
      assert.isUndefined(Option.getOrThrow(found).caller.principal.hostedDomain)
    }).pipe(Effect.scoped)
  )
})
