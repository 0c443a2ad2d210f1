/** From one entry of the file to the server that is run. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { format } from "../../src/config/Problem.ts"
import type { Resolved } from "../../src/config/Resolve.ts"
import type { ServerConfig } from "../../src/domain/ServerConfig.ts"
import { problems, resolved, resolvedValue, servers, type Surroundings, transport } from "../support/configuration.ts"

const one = (entry: unknown, surroundings?: Surroundings): Resolved =>
  resolvedValue({ mcpServers: { s: entry } }, surroundings)

const server = (entry: unknown, surroundings?: Surroundings): ServerConfig => {
  const [only] = servers(one(entry, surroundings))
  if (only === undefined) throw new Error("no server")
  return only
}

const serverProblems = (of: Resolved): ReadonlyArray<string> => of.serverProblems.map(format)

describe("how a server is reached", () => {
  it.each([
    [{ command: "npx" }, "Stdio"],
    [{ url: "https://x/mcp" }, "Http"],
    [{ url: "https://x/sse" }, "Sse"],
    [{ url: "https://x/sse/" }, "Sse"],
    [{ url: "https://x/sse?key=1" }, "Sse"],
    [{ url: "https://x/sse&a=1" }, "Sse"],
    [{ url: "https://x/sse#f" }, "Sse"],
    [{ url: "https://x/sse-server/mcp" }, "Http"],
    [{ url: "https://x/messages" }, "Http"],
    [{ url: "https://sse/mcp" }, "Http"],
    [{ url: "https://x/sse", type: "http" }, "Http"],
    [{ url: "https://x/mcp", transport: "sse" }, "Sse"],
    [{ command: "npx", url: "https://x/mcp", type: "stdio" }, "Stdio"],
    [{ command: "npx", url: "https://x/mcp", type: "http" }, "Http"]
  ])("%j: %s", (entry, expected) => {
    assert.strictEqual(server(entry).transport._tag, expected)
  })

  it("a process has its arguments as texts and its variables, those of the entry before those of its file", () => {
    const config = server(
      { command: "uvx", args: ["x", 8080, 1.5], env: { A: "own", N: 7, B: false }, envFile: "x.env", cwd: "/srv" },
      { envFiles: { "x.env": { A: "file", C: "file" } } }
    )
    assert.deepStrictEqual(transport(config), {
      _tag: "Stdio",
      command: "uvx",
      args: ["x", "8080", "1.5"],
      env: { A: "own", N: "7", B: "false", C: "file" },
      cwd: "/srv"
    })
  })

  it("a working directory is seen from the folder of the file", () => {
    const cwd = (path: string): unknown => (transport(server({ command: "x", cwd: path })) as { cwd: unknown }).cwd
    assert.strictEqual(cwd("servers/x"), "/folder/servers/x")
    assert.strictEqual(cwd("./x"), "/folder/x")
    assert.strictEqual(cwd("/srv"), "/srv")
  })

  it("a remote server has its URL and headers", () => {
    assert.deepStrictEqual(transport(server({ url: "https://x/mcp?a=b", headers: { Authorization: "Bearer y" } })), {
      _tag: "Http",
      url: "https://x/mcp?a=b",
      headers: { Authorization: "Bearer y" }
    })
  })
})

describe("defaults", () => {
  it("of a process: shared by all, all tools, five minutes a call, two minutes to start", () => {
    const config = server({ command: "npx" })
    assert.strictEqual(config.isolation, "shared")
    assert.isUndefined(config.enabledTools)
    assert.deepStrictEqual(config.disabledTools, [])
    assert.strictEqual(Duration.toMillis(config.callTimeout), 300_000)
    assert.strictEqual(Duration.toMillis(config.startTimeout), 120_000)
    assert.isUndefined(config.restart)
    assert.isUndefined(config.description)
  })

  it("of the era: to be found out, except over HTTP+SSE, where it is what it is", () => {
    assert.strictEqual(server({ command: "npx" }).era, "auto")
    assert.strictEqual(server({ url: "https://x/mcp" }).era, "auto")
    assert.strictEqual(server({ url: "https://x/mcp", era: "modern" }).era, "modern")
    assert.strictEqual(server({ url: "https://x/sse" }).era, "legacy")
    const sse = { url: "https://x/sse", era: "modern" }
    assert.strictEqual(server(sse).era, "legacy")
    assert.deepStrictEqual(
      one(sse).notes.map(({ message, path }) => [path, message]),
      [["mcpServers.s.era", "has no effect: a server over HTTP+SSE is always legacy"]]
    )
  })

  it("of a URL: a connection for each session", () => {
    assert.strictEqual(server({ url: "https://x/mcp" }).isolation, "session")
    assert.strictEqual(server({ url: "https://x/mcp", isolation: "user" }).isolation, "user")
    assert.strictEqual(server({ command: "x", isolation: "session" }).isolation, "session")
  })

  it.each([
    [undefined, undefined],
    [true, undefined],
    [false, false],
    [{}, {}],
    [{ maxAttempts: 3 }, { maxAttempts: 3 }],
    [
      { delay: "2 s", maxDelay: "1 minute" },
      { delay: Duration.seconds(2), maxDelay: Duration.minutes(1) }
    ]
  ])("restart %j", (restart, expected) => {
    assert.deepStrictEqual(server({ command: "x", ...(restart === undefined ? {} : { restart }) }).restart, expected)
  })
})

describe("how a server is watched over", () => {
  const watched = ({ breaker, maxCallTime, ping, pingTimeout, retryIdempotent }: ServerConfig) => ({
    ping: ping === false ? false : Duration.format(ping),
    pingTimeout: Duration.format(pingTimeout),
    maxCallTime: Duration.format(maxCallTime),
    breaker,
    retryIdempotent
  })

  it("where nothing is said: pinged each minute, given ten seconds, given up after five failures, never asked twice", () => {
    assert.deepStrictEqual(watched(server({ command: "npx" })), {
      ping: "1m",
      pingTimeout: "10s",
      maxCallTime: "1h",
      breaker: { failures: 5, restMillis: 10_000 },
      retryIdempotent: false
    })
  })

  it("as its entry says", () => {
    const entry = {
      command: "npx",
      ping: "20 s",
      pingTimeout: "3 s",
      maxCallTime: "10 minutes",
      breaker: { failures: 2, rest: "1 minute" },
      retryIdempotent: true
    }
    assert.deepStrictEqual(watched(server(entry)), {
      ping: "20s",
      pingTimeout: "3s",
      maxCallTime: "10m",
      breaker: { failures: 2, restMillis: 60_000 },
      retryIdempotent: true
    })
  })

  it("in part as it says, and not at all where it says so", () => {
    assert.deepStrictEqual(server({ command: "x", breaker: { failures: 9 } }).breaker, {
      failures: 9,
      restMillis: 10_000
    })
    assert.deepStrictEqual(server({ command: "x", breaker: true }).breaker, { failures: 5, restMillis: 10_000 })
    const off = watched(server({ command: "x", breaker: false, ping: false }))
    assert.isFalse(off.breaker)
    assert.isFalse(off.ping)
  })

  it("a call that may be silent for longer than an hour may take as long, unless told otherwise", () => {
    assert.strictEqual(watched(server({ command: "x", callTimeout: "3 hours" })).maxCallTime, "3h")
    assert.strictEqual(watched(server({ command: "x", maxCallTime: "3 hours" })).maxCallTime, "3h")
  })

  it("what cannot be meant is complained of, all of it, by path and line, with the remedy", () => {
    const file = resolvedValue({
      mcpServers: {
        a: { command: "x", ping: "0 s", pingTimeout: "500 ms", breaker: { rest: "0.5 s" } },
        b: { command: "x", callTimeout: "5 minutes", maxCallTime: "1 minute" },
        c: { command: "x", ping: "soon", breaker: { failures: 0 }, retryIdempotent: "yes" }
      }
    })
    assert.deepStrictEqual(problems(file), [
      "mcpServers.a.ping: must be at least 1 s; false switches pings off (line 5)",
      "mcpServers.a.pingTimeout: must be at least 1 s (line 6)",
      'mcpServers.a.breaker.rest: must be at least 1 s; "breaker": false switches it off (line 8)',
      "mcpServers.b.maxCallTime: is less than callTimeout (5 minutes), which could never be reached (line 14)",
      'mcpServers.c.ping: expected a duration with a unit, such as "500 ms", "30 s" or "5 minutes" (line 18)',
      "mcpServers.c.breaker.failures: expected a value between 1 and 1000 (line 20)",
      "mcpServers.c.retryIdempotent: expected boolean (line 22)"
    ])
  })

  it("unknown keys within breaker are named", () => {
    assert.deepStrictEqual(one({ command: "x", breaker: { failure: 3 } }).unknownKeys.map(format), [
      'mcpServers.s.breaker.failure: is not a known key; did you mean "failures"? (line 6)'
    ])
  })
})

describe("variables", () => {
  it("are expanded everywhere in an entry", () => {
    const config = server(
      { command: "${CMD}", args: ["--key", "${env:KEY}", "x-${KEY}"], env: { A: "${KEY}" }, cwd: "${DIR:-/srv}" },
      { variables: { CMD: "uvx", KEY: "k" } }
    )
    assert.deepStrictEqual(transport(config), {
      _tag: "Stdio",
      command: "uvx",
      args: ["--key", "k", "x-k"],
      env: { A: "k" },
      cwd: "/srv"
    })
  })

  it("that are missing fail their server, and it alone; each is named with path and line", () => {
    const file = resolved(
      [
        '{ "mcpServers": {',
        '  "bad": { "command": "x",',
        '    "args": ["${ONE}", "${TWO}"],',
        '    "env": { "K": "${file:x}" } },',
        '  "good": { "command": "y" } } }'
      ].join("\n")
    )
    assert.deepStrictEqual(problems(file), [])
    assert.deepStrictEqual(serverProblems(file), [
      "mcpServers.bad.args[0]: the variable ONE is not set (line 3)",
      "mcpServers.bad.args[1]: the variable TWO is not set (line 3)",
      "mcpServers.bad.env.K: ${file:x} is not a form that is understood (${VAR}, ${VAR:-default} or ${env:VAR}) (line 4)"
    ])
    const [bad, good] = servers(file)
    assert.strictEqual(bad?.transport._tag, "Unusable")
    assert.include(bad?.transport._tag === "Unusable" ? bad.transport.reason : "", "ONE")
    assert.strictEqual(good?.transport._tag, "Stdio")
  })

  it("that are missing in a URL are complained of once", () => {
    const file = one({ url: "${BASE}/mcp", headers: { Authorization: "Bearer ${TOKEN}" } })
    assert.deepStrictEqual(serverProblems(file), [
      "mcpServers.s.url: the variable BASE is not set (line 4)",
      "mcpServers.s.headers.Authorization: the variable TOKEN is not set (line 6)"
    ])
  })

  it.each([
    ["command", { command: "${MISSING}" }],
    ["url", { url: "${MISSING}" }],
    ["cwd", { command: "x", cwd: "${MISSING}" }],
    ["envFile", { command: "x", envFile: "${MISSING}" }],
    ["type", { command: "x", type: "${MISSING}" }],
    ["callTimeout", { command: "x", callTimeout: "${MISSING}" }],
    ["isolation", { command: "x", isolation: "${MISSING}" }],
    ["restart.delay", { command: "x", restart: { delay: "${MISSING}" } }]
  ])("that are missing fail their server alone also where nothing else stands in a value: %s", (path, entry) => {
    const file = resolvedValue({ mcpServers: { s: entry, good: { command: "y" } } })
    assert.deepStrictEqual(problems(file), [])
    assert.deepStrictEqual(
      file.serverProblems.map(({ message, path }) => [path, message]),
      [[`mcpServers.s.${path}`, "the variable MISSING is not set"]]
    )
    assert.deepStrictEqual(
      servers(file).map(({ id, transport }) => [id, transport._tag]),
      [
        ["s", "Unusable"],
        ["good", "Stdio"]
      ]
    )
  })

  it("may be missing in a server that is disabled: it is not looked into", () => {
    const file = resolvedValue({
      mcpServers: {
        a: { command: "${MISSING}", disabled: true, args: 7, callTimeout: "soon" },
        b: { url: "no url at all", enabled: false },
        c: { disabled: true },
        d: { command: "x", isActive: false, envFile: "missing.env" }
      }
    })
    assert.deepStrictEqual([...problems(file), ...serverProblems(file)], [])
    assert.deepStrictEqual(servers(file), [])
  })
})

describe("what makes a server unusable, and it alone", () => {
  it.each([
    ["a URL that is none", { url: "example.com/mcp" }, "mcpServers.s.url: must be an absolute URL"],
    ["a URL of another scheme", { url: "ftp://x/mcp" }, "mcpServers.s.url: must be an absolute URL"],
    ["a path", { url: "/mcp" }, "mcpServers.s.url: must be an absolute URL"],
    ["a header's name", { url: "https://x/mcp", headers: { "a b": "c" } }, "is not a name that HTTP allows"],
    ["an empty header name", { url: "https://x/mcp", headers: { "": "c" } }, "is not a name that HTTP allows"],
    [
      "a header with a line break",
      { url: "https://x/mcp", headers: { A: "b\nC: d" } },
      "characters that HTTP does not"
    ],
    ["a header beyond Latin-1", { url: "https://x/mcp", headers: { A: "€" } }, "characters that HTTP does not"],
    ["an envFile that cannot be read", { command: "x", envFile: "no.env" }, "mcpServers.s.envFile: cannot be read"]
  ])("%s", (_, entry, message) => {
    const file = one(entry)
    assert.deepStrictEqual(problems(file), [])
    assert.strictEqual(file.serverProblems.length, 1)
    assert.include(serverProblems(file)[0], message)
    assert.strictEqual(servers(file)[0]?.transport._tag, "Unusable")
  })

  it("every reason is given, not only the first", () => {
    const file = one({ url: "x", headers: { "a b": "c", D: "é€" } })
    assert.strictEqual(file.serverProblems.length, 3)
  })
})

describe("what makes the whole file unusable", () => {
  it.each([
    ["an entry that is no object", "npx x", "mcpServers.s: expected an object"],
    ["a list as entry", ["npx"], "mcpServers.s: expected an object"],
    ["an empty entry", {}, 'mcpServers.s: needs a "command" to start, or a "url" to connect to'],
    ["command and url", { command: "x", url: "https://x" }, 'mcpServers.s: has both "command" and "url"'],
    [
      "stdio without command",
      { type: "stdio", url: "https://x" },
      'mcpServers.s.type: is "stdio", which needs a "command"'
    ],
    ["http without url", { transport: "http", command: "x" }, 'mcpServers.s.transport: is "http", which needs a "url"'],
    ["a transport nobody knows", { transport: "carrier-pigeon", url: "https://x" }, "mcpServers.s.transport: expected"],
    ["arguments as text", { command: "x", args: "-y x" }, "mcpServers.s.args: expected"],
    ["an argument that is an object", { command: "x", args: ["a", {}] }, "mcpServers.s.args[1]: expected"],
    ["a variable that is an object", { command: "x", environment: { A: {} } }, "mcpServers.s.environment.A: expected"],
    ["a timeout without unit", { command: "x", callTimeout: 60 }, "mcpServers.s.callTimeout: expected"],
    ["an empty command", { command: "" }, "command"],
    ["disabled as a text", { command: "x", disabled: "yes" }, "mcpServers.s.disabled: expected"],
    ["an isolation nobody knows", { command: "x", isolation: "private" }, "mcpServers.s.isolation: expected"],
    ["too few restarts", { command: "x", restart: { maxAttempts: -1 } }, "mcpServers.s.restart.maxAttempts: expected"]
  ])("%s", (_, entry, message) => {
    const file = one(entry)
    assert.isUndefined(file.config)
    assert.strictEqual(file.problems.length, 1, problems(file).join("\n"))
    assert.include(problems(file)[0], message)
  })

  it("a server without a name", () => {
    const file = resolvedValue({ mcpServers: { " ": { command: "x" } } })
    assert.include(problems(file)[0], "must not be empty")
  })

  it("every problem of an entry is told at once, in the file's own spelling, each with its line", () => {
    const file = resolved(
      [
        '{ "mcpServers": {',
        '  "s": {',
        '    "serverUrl": 7,',
        '    "transport": "pigeon",',
        '    "http_headers": { "A": 1 },',
        '    "excludeTools": "x",',
        '    "requestTimeout": "soon"',
        "  } } }"
      ].join("\n")
    )
    const said = problems(file)
    const expected = [
      ["mcpServers.s.serverUrl", 3],
      ["mcpServers.s.transport", 4],
      ["mcpServers.s.http_headers.A", 5],
      ["mcpServers.s.excludeTools", 6],
      ["mcpServers.s.requestTimeout", 7]
    ] as const
    assert.strictEqual(said.length, expected.length, said.join("\n"))
    for (const [path, line] of expected) {
      assert.isTrue(
        said.some((text) => text.startsWith(`${path}: `) && text.endsWith(`(line ${line})`)),
        `${path} (line ${line}) is not among\n${said.join("\n")}`
      )
    }
  })
})

describe("remarks", () => {
  it("a key that nobody knows is told with the one that was probably meant", () => {
    const file = one({ comand: "x", command: "y", argz: [] })
    assert.deepStrictEqual(file.unknownKeys.map(format), [
      'mcpServers.s.comand: is not a known key; did you mean "command"? (line 4)',
      'mcpServers.s.argz: is not a known key; did you mean "args"? (line 6)'
    ])
    assert.deepStrictEqual(problems(file), [])
  })

  it("what is accepted without effect is told", () => {
    const file = one({ command: "x", timeout: 60, autoApprove: [], oauth: {} })
    assert.deepStrictEqual(
      file.notes.map(({ line, path }) => [path, line]),
      [
        ["mcpServers.s.timeout", 5],
        ["mcpServers.s.autoApprove", 6],
        ["mcpServers.s.oauth", 7]
      ]
    )
    assert.isTrue(file.notes.every(({ message }) => message.startsWith("has no effect: ")))
  })
})
