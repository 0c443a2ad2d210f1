/**
 * What is denied is like what does not exist, byte for byte: in every revision, at every endpoint, for every method, however
 * it is denied, and whether or not its server is up.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { LATEST_LEGACY, LATEST_MODERN, LEGACY_REVISIONS, MODERN_REVISIONS } from "../../src/domain/Protocol.ts"
import { type MemoryServer, memoryFleet } from "../support/memoryFleet.ts"
import { type Answered, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"

const ANN = person("ann@example.com")

const DENIED = {
  tools: ["write_file"],
  prompts: ["leak"],
  resources: ["file:///keys/k"],
  resourceTemplates: ["file:///keys/{name}"]
}

const capabilities = { tools: {}, prompts: {}, resources: {} }

/** With what Ann may not use, and without. */
const files = (isWhole: boolean): MemoryServer => ({
  offer: {
    tools: ["read_file", ...(isWhole ? DENIED.tools : []), "list_folder"],
    prompts: [...(isWhole ? DENIED.prompts : []), "summary"],
    resources: ["file:///docs/a", ...(isWhole ? DENIED.resources : [])],
    resourceTemplates: [...(isWhole ? DENIED.resourceTemplates : []), "file:///docs/{name}"]
  },
  capabilities,
  instructions: "Files are read here."
})

const docs: MemoryServer = { offer: { tools: ["find"] }, capabilities: { tools: {} }, instructions: "Look it up." }

/** Everything that it can do, nobody else can. */
const secret: MemoryServer = {
  offer: {
    tools: ["open", "find"],
    prompts: ["combination"],
    resources: ["vault://gold"],
    resourceTemplates: ["vault://{x}"]
  },
  instructions: "This is the vault."
}

type World = Readonly<Record<string, MemoryServer>>

const down = (server: MemoryServer): MemoryServer => ({ ...server, status: "down" })
const silent = (server: MemoryServer): MemoryServer => ({ ...server, status: "silent" })

/** Each world with what is denied, and the same without it. */
const WORLDS: Readonly<Record<string, readonly [denied: World, absent: World]>> = {
  denied: [
    { files: files(true), secret, docs },
    { files: files(false), docs }
  ],
  "denied, first in the configuration": [
    { secret, files: files(true), docs },
    { files: files(false), docs }
  ],
  "denied and down": [
    { files: down(files(true)), secret: down(secret), docs },
    { files: down(files(false)), docs }
  ],
  "denied and never up": [
    { files: silent(files(true)), secret: silent(secret), docs },
    { files: silent(files(false)), docs }
  ]
}

const denials = {
  denied_servers: ["secret"],
  denied_tools: ["files/write_*"],
  denied_prompts: ["leak"],
  denied_resources: ["file:///keys/*"]
}

/** All the ways to say the same. */
const ROLES: Readonly<Record<string, { readonly entry: object; readonly roles?: object }>> = {
  "denied as server/name": { entry: { allowed_servers: ["*"], ...denials } },
  "denied by the names at /mcp": {
    entry: {
      allowed_tools: ["*"],
      denied_tools: ["files_write_file", "secret_*"],
      denied_prompts: ["files_leak", "secret_*"],
      denied_resources: ["file://files/keys/*", "secret/*"]
    }
  },
  "denied by a role to those who may everything": {
    entry: { allowed_tools: ["*"], roles: ["guest"] },
    roles: { guest: denials }
  },
  "not among the names of allowed servers": {
    entry: {
      allowed_servers: ["files", "docs"],
      allowed_tools: ["read_file", "list_folder", "find"],
      allowed_prompts: ["summary"],
      allowed_resources: ["file:///docs/*"]
    }
  },
  "not allowed as server/name": {
    entry: {
      allowed_tools: ["files/read_file", "files/list_*", "docs/*"],
      allowed_prompts: ["files/summary"],
      allowed_resources: ["files/file:///docs/*"]
    }
  },
  "not allowed by the names at /mcp": {
    entry: { roles: ["reader", "searcher"] },
    roles: {
      reader: { allowed_tools: ["files_read_file", "files_list_folder"], allowed_prompts: ["files_summary"] },
      searcher: { allowed_tools: ["docs_find"], allowed_resources: ["file://files/docs/*"] }
    }
  },
  "nothing is allowed": { entry: {} }
}

interface Step {
  readonly method: string
  readonly params: object
}

const named = (method: string, name: string): Step => ({ method, params: { name, arguments: {} } })
const located = (uri: string): ReadonlyArray<Step> => [
  ...["resources/read", "resources/subscribe", "resources/unsubscribe"].map((method) => ({ method, params: { uri } })),
  { method: "completion/complete", params: { ref: { type: "ref/resource", uri }, argument: { name: "x", value: "" } } }
]

/** Everything that can be asked, of all that is denied under every name that it could have. */
const STEPS: ReadonlyArray<Step> = [
  ...["ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "no/such"].map((method) => ({
    method,
    params: {}
  })),
  { method: "logging/setLevel", params: { level: "debug" } },
  ...["write_file", "files_write_file", "secret_open", "secret_find", "open", "files_write_fil", "secret"].map((name) =>
    named("tools/call", name)
  ),
  ...["leak", "files_leak", "secret_combination"].flatMap((name) => [
    named("prompts/get", name),
    { method: "completion/complete", params: { ref: { type: "ref/prompt", name }, argument: { name: "x", value: "" } } }
  ]),
  ...[
    "file:///keys/k",
    "file:///keys/{name}",
    "file://files/keys/k",
    "file://files/keys/{name}",
    "file://files/docs/../keys/k",
    "file://files/%6beys/k",
    "vault://gold",
    "vault://secret/gold",
    "vault://SECRET/gold"
  ].flatMap(located)
]

/** All of an answer but what differs each time. */
const comparable = ({ body, headers, status }: Answered): string =>
  JSON.stringify([status, { ...headers, "mcp-session-id": "-" }, body])

const everyAnswer = Effect.fnUntraced(function* (world: World, role: keyof typeof ROLES, revision: string) {
  const { entry, roles = {} } = ROLES[role]!
  const fleet = memoryFleet(world)
  const gateway = yield* memoryGateway(fleet, rulesOf({ "ann@example.com": entry, roles }))
  const answers = new Map<string, string>()
  for (const endpoint of [undefined, "files", "docs", "secret"]) {
    const session = yield* gateway.begin(ANN, endpoint, revision)
    answers.set(`${endpoint} initialize`, comparable(session.begun))
    for (const { method, params } of STEPS) {
      answers.set(`${endpoint} ${method} ${JSON.stringify(params)}`, comparable(yield* session.send(method, params)))
    }
    answers.set(`${endpoint} GET`, comparable(yield* gateway.ask(ANN, endpoint, { method: "GET" })))
    for (const method of ["PUT", "DELETE"]) {
      const { headers } = session
      answers.set(`${endpoint} ${method}`, comparable(yield* gateway.ask(ANN, endpoint, { method, headers })))
    }
  }
  return { answers, reached: fleet.reached }
})

type Pair = readonly [
  endpoint: string | undefined,
  (name: string) => ReadonlyArray<Step>,
  denied: string,
  unknown: string
]

/** What is denied, and what nobody has, equally long. */
const PAIRS: ReadonlyArray<Pair> = [
  [undefined, (name) => [named("tools/call", name)], "secret_open", "zzzzzz_knot"],
  [undefined, (name) => [named("prompts/get", name)], "secret_combination", "zzzzzz_combination"],
  [undefined, located, "vault://secret/gold", "vault://zzzzzz/gold"],
  [undefined, located, "file://files/keys/k", "file://zzzzz/keys/k"],
  ["files", located, "file:///keys/k", "file:///keys/z"]
]

describe("what is denied", () => {
  // How servers are does not depend on the revision: all of it with the latest of each era, the plain case with every one.
  for (const revision of [...LEGACY_REVISIONS, ...MODERN_REVISIONS]) {
    const isLatest = revision === LATEST_LEGACY || revision === LATEST_MODERN
    const worlds = Object.entries(WORLDS).filter(([world]) => isLatest || world === "denied")
    for (const role of Object.keys(ROLES)) {
      it.effect(`is like what does not exist in ${revision}: ${role}`, () =>
        Effect.gen(function* () {
          for (const [world, [denied, absent]] of worlds) {
            const there = yield* everyAnswer(denied, role, revision)
            const gone = yield* everyAnswer(absent, role, revision)
            for (const [step, answer] of there.answers)
              assert.strictEqual(answer, gone.answers.get(step), `${world}: ${step}`)
            assert.deepStrictEqual(there.reached, gone.reached, "what reaches a server")
          }
        }).pipe(Effect.scoped)
      )
    }
  }

  const pairs = Object.keys(ROLES).flatMap((role) => [[role, LATEST_LEGACY] as const, [role, LATEST_MODERN] as const])
  it.effect.each(pairs)("is not told from what is unknown, the name asked aside: %s, in %s", ([role, revision]) =>
    Effect.gen(function* () {
      const { entry, roles = {} } = ROLES[role]!
      for (const [world, [denied]] of Object.entries(WORLDS)) {
        const gateway = yield* memoryGateway(memoryFleet(denied), rulesOf({ "ann@example.com": entry, roles }))
        for (const [endpoint, steps, name, other] of PAIRS) {
          const session = yield* gateway.begin(ANN, endpoint, revision)
          for (const [index, { method, params }] of steps(name).entries()) {
            const answer = comparable(yield* session.send(method, params))
            const unknown = comparable(yield* session.send(method, steps(other)[index]!.params))
            assert.strictEqual(answer, unknown.replaceAll(other, name), `${world}: ${method} ${name}`)
          }
        }
        const missing = yield* gateway.begin(ANN, "secret", revision)
        const nowhere = yield* gateway.begin(ANN, "zzzzzz", revision)
        assert.strictEqual(missing.begun.status, 404)
        assert.strictEqual(comparable(missing.begun), comparable(nowhere.begun).replaceAll("zzzzzz", "secret"))
      }
    }).pipe(Effect.scoped)
  )

  it.effect("is not told from what its server says it does not have", () =>
    Effect.gen(function* () {
      const { entry } = ROLES["denied as server/name"]!
      const [world] = WORLDS["denied"]!
      const fleet = memoryFleet(world)
      const gateway = yield* memoryGateway(fleet, rulesOf({ "ann@example.com": entry }))
      const session = yield* gateway.begin(ANN, "files")
      for (const method of ["resources/read", "resources/subscribe", "resources/unsubscribe"]) {
        const denied = comparable(yield* session.send(method, { uri: "file:///keys/k" }))
        assert.notInclude(fleet.reached, `files ${method}`)
        const unknown = comparable(yield* session.send(method, { uri: "file:///docs/z" }))
        assert.include(fleet.reached, `files ${method}`)
        assert.strictEqual(denied, unknown.replaceAll("file:///docs/z", "file:///keys/k"))
      }
      const everything = yield* memoryGateway(fleet, rulesOf({ "ann@example.com": { allowed_tools: ["*"] } }))
      const free = yield* everything.begin(ANN, "files")
      const { body } = yield* free.send("resources/read", { uri: "file:///docs/z" })
      assert.include(body, "Never heard of it", "who may read everything hears the server itself")
    }).pipe(Effect.scoped)
  )

  it.effect("is not like what is allowed: the test above compares something", () =>
    Effect.gen(function* () {
      const [world] = WORLDS["denied"]!
      const fleet = memoryFleet(world)
      const gateway = yield* memoryGateway(fleet, rulesOf({ "ann@example.com": { allowed_tools: ["*"] } }))
      const session = yield* gateway.begin(ANN)
      const tools = (yield* session.call("tools/list"))["tools"] as ReadonlyArray<{ readonly name: string }>
      assert.deepStrictEqual(
        tools.map(({ name }) => name),
        ["files_read_file", "files_write_file", "files_list_folder", "secret_open", "secret_find", "docs_find"]
      )
      assert.include(JSON.stringify(yield* session.call("tools/call", { name: "secret_open" })), '"open"')
      assert.include(session.begun.body, "vault")
      assert.strictEqual((yield* gateway.begin(ANN, "secret")).begun.status, 200)
      assert.include(fleet.reached, "secret tools/call")
    }).pipe(Effect.scoped)
  )
})
