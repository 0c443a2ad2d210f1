/** Keys of other programs: translated where we have the like, accepted with a word where we have not. */
import { assert, describe, it } from "@effect/vitest"
import { KNOWN_KEYS, translate } from "../../src/config/KnownKeys.ts"
import { ServerEntry } from "../../src/domain/GatewayConfig.ts"
import { problems, resolvedValue } from "../support/configuration.ts"

/** A value of every known key as its programs write it. */
const VALUES: Readonly<Record<string, ReadonlyArray<unknown>>> = {
  type: ["stdio", "local"],
  transport: ["stdio", "STDIO"],
  transportType: ["stdio"],
  protocol: ["stdio"],
  command: ["npx"],
  args: [["-y", "x", 8080]],
  env: [{ A: "b", PORT: 8080, DEBUG: true }, {}],
  environment: [{ A: "b" }],
  envFile: ["${workspaceFolder:-.}/.env"],
  env_file: [".env"],
  cwd: ["/srv"],
  working_dir: ["/srv"],
  workingDirectory: ["/srv"],
  url: ["https://example.com/mcp"],
  serverUrl: ["https://example.com/mcp"],
  httpUrl: ["https://example.com/mcp"],
  baseUrl: ["https://example.com/mcp", ""],
  endpoint: ["https://example.com/mcp"],
  headers: [{ Authorization: "Bearer x" }, {}],
  http_headers: [{ "X-Key": "x" }],
  disabled: [true, false],
  enabled: [true, false],
  isActive: [true, false],
  enabledTools: [["a", "b*"]],
  includeTools: [["a"]],
  enabled_tools: [["a"]],
  allowedTools: [["a"]],
  disabledTools: [["a"], []],
  excludeTools: [["a"]],
  disabled_tools: [["a"]],
  toolFilter: [{ mode: "block", list: ["a"] }, { mode: "allow", list: ["a"] }, { mode: "allow" }, { list: ["a"] }],
  callTimeout: ["5 minutes"],
  maxCallTime: ["2 hours"],
  startTimeout: ["30 s"],
  maxConcurrentCalls: [1],
  maxQueuedCalls: [0],
  ping: ["30 s", false, true],
  pingTimeout: ["5 s"],
  breaker: [true, false, { failures: 3 }, { rest: "1 minute" }],
  retryIdempotent: [true, false],
  timeout: [60, 60_000, "30s", "60", "60000"],
  requestTimeout: [30_000, "30 s"],
  connectionTimeout: [30_000],
  restart: [true, false, { maxAttempts: 3 }],
  restartOnExit: [true, false],
  reload: ["overlap"],
  era: ["legacy"],
  isolation: ["session"],
  description: ["What it does", ""]
}

const anyway = ["x", "", 7, true, null, ["x"], { x: 1 }]

/** A minimal entry that the key can be added to. */
const entryFor = (key: string): Record<string, unknown> => {
  const [treatment] = [KNOWN_KEYS[key]].flat()
  const of = treatment?._tag === "Alias" ? treatment.of : key
  return of === "url" || of === "headers" ? { type: "http", url: "https://example.com/mcp" } : { command: "npx" }
}

describe("a key that some program writes", () => {
  it.each(Object.keys(KNOWN_KEYS))("%s never stops a start, with any value that its programs write", (key) => {
    const { [key]: _, ...rest } = entryFor(key)
    for (const value of VALUES[key] ?? anyway) {
      const file = resolvedValue({ mcpServers: { s: { ...rest, [key]: value } } })
      assert.deepStrictEqual(problems(file), [], `${key}: ${JSON.stringify(value)}`)
    }
  })

  it("is known: of each of our own keys, and of each other spelling, it is said what becomes of it", () => {
    for (const key of Object.keys(ServerEntry.fields)) assert.property(KNOWN_KEYS, key)
    for (const [key, known] of Object.entries(KNOWN_KEYS)) {
      for (const treatment of [known].flat()) {
        if (treatment._tag === "Alias") assert.property(ServerEntry.fields, treatment.of, key)
        if (treatment._tag === "Ignored") assert.isNotEmpty(treatment.why, key)
        if (treatment._tag === "Planned") assert.isNotEmpty(treatment.what, key)
      }
    }
  })

  it.each(["constructor", "__proto__", "toString", "hasOwnProperty"])("%s is not known, like any other word", (key) => {
    const raw = JSON.parse(`{"command":"npx","${key}":"x"}`) as Record<string, unknown>
    const { entry, unknown } = translate(raw)
    assert.deepStrictEqual(unknown, [key])
    assert.deepStrictEqual({ ...entry }, { command: "npx" })
  })
})

describe("translation", () => {
  const entry = (raw: Readonly<Record<string, unknown>>): unknown => translate(raw).entry

  it.each([
    ["stdio", "stdio"],
    ["local", "stdio"],
    ["http", "http"],
    ["HTTP", "http"],
    ["streamable-http", "http"],
    ["streamableHttp", "http"],
    ["streamable_http", "http"],
    ["remote", "http"],
    ["sse", "sse"],
    ["SSE", "sse"]
  ])("the transport %s is %s, under each of its keys", (word, expected) => {
    for (const key of ["type", "transport", "transportType", "protocol"]) {
      assert.deepStrictEqual(entry({ [key]: word }), { type: expected })
    }
  })

  it.each([
    [{ serverUrl: "u" }, { url: "u" }],
    [{ httpUrl: "u" }, { url: "u" }],
    [{ endpoint: "u" }, { url: "u" }],
    [{ http_headers: { A: "b" } }, { headers: { A: "b" } }],
    [{ environment: { A: "b" } }, { env: { A: "b" } }],
    [{ env_file: ".env" }, { envFile: ".env" }],
    [{ working_dir: "/x" }, { cwd: "/x" }],
    [{ enabled: false }, { disabled: true }],
    [{ enabled: true }, { disabled: false }],
    [{ isActive: false }, { disabled: true }],
    [{ includeTools: ["a"] }, { enabledTools: ["a"] }],
    [{ excludeTools: ["a"] }, { disabledTools: ["a"] }],
    [{ toolFilter: { mode: "allow", list: ["a"] } }, { enabledTools: ["a"] }],
    [{ toolFilter: { mode: "block", list: ["a"] } }, { disabledTools: ["a"] }],
    [{ timeout: "30 s" }, { callTimeout: "30 s" }],
    [{ timeout: 30 }, {}],
    [{ connectionTimeout: "5 s" }, { startTimeout: "5 s" }],
    [{ restartOnExit: false }, { restart: false }],
    [{ restartOnExit: true }, {}],
    [{ autoApprove: ["x"], trust: true }, {}]
  ])("%j becomes %j", (raw, expected) => {
    assert.deepStrictEqual(entry(raw), expected)
  })

  it("where two keys say the same thing, ours wins, then the first", () => {
    assert.deepStrictEqual(entry({ serverUrl: "a", url: "b" }), { url: "b" })
    assert.deepStrictEqual(entry({ serverUrl: "a", httpUrl: "b" }), { url: "a" })
    assert.deepStrictEqual(entry({ enabled: false, disabled: false }), { disabled: false })
  })

  it("remembers how the file spells it", () => {
    assert.deepStrictEqual(translate({ serverUrl: "a", disabled: true, env_file: "x" }).spelling, {
      url: "serverUrl",
      disabled: "disabled",
      envFile: "env_file"
    })
  })

  it.each([
    ["a number without a unit", { timeout: 60 }, "timeout"],
    ["what a client approves", { alwaysAllow: ["x"] }, "alwaysAllow"],
    ["what is for display", { icon: "x" }, "icon"],
    ["what is planned", { oauth: { clientId: "x" } }, "oauth"],
    ["a tool filter of a mode that is not understood", { toolFilter: { mode: "deny", list: ["x"] } }, "toolFilter"],
    ["a tool filter of another program's shape", { toolFilter: { exclude: ["x"] } }, "toolFilter"]
  ])("%s has no effect, and that is said", (_, raw, key) => {
    const { entry, notes } = translate(raw)
    assert.deepStrictEqual({ ...entry }, {})
    assert.deepStrictEqual(
      notes.map((note) => note.key),
      [key]
    )
    assert.isNotEmpty(notes[0]?.note)
  })

  it("what nobody writes is told apart, for it is most likely a slip of the pen", () => {
    assert.deepStrictEqual(translate({ comand: "x", url: "u", Disabled: true }).unknown, ["comand", "Disabled"])
  })
})
