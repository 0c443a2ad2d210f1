/** From the file to the configuration: every problem at once, and no secret anywhere. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import { inspect } from "node:util"
import { format } from "../../src/config/Problem.ts"
import { everything, problems, resolved, resolvedValue, servers } from "../support/configuration.ts"

describe("a file", () => {
  it("gives its enabled servers in its own order, whatever they are called", () => {
    const file = resolved(
      '{"mcpServers":{"b":{"command":"x"},"a":{"command":"x","disabled":true},"github.com/x":{"command":"y"},"c":{"url":"https://x"}}}'
    )
    assert.deepStrictEqual(
      servers(file).map(({ id }) => id),
      ["b", "github.com/x", "c"]
    )
    assert.deepStrictEqual(everything(file), [])
  })

  it("has defaults", () => {
    const { config } = resolvedValue({ mcpServers: {} })
    assert.deepStrictEqual(config, {
      servers: [],
      naming: "auto",
      pageSize: 1000,
      maxLanes: undefined,
      maxLanesPerUser: undefined,
      laneIdle: Duration.minutes(15)
    })
  })

  it("may set the gateway as a whole", () => {
    const { config } = resolvedValue({
      $schema: "./mcp_config.schema.json",
      mcpServers: {},
      gateway: { naming: "collisions", pageSize: 10, maxLanes: 2, maxLanesPerUser: 1, laneIdle: "1 minute" }
    })
    assert.deepStrictEqual(config, {
      servers: [],
      naming: "collisions",
      pageSize: 10,
      maxLanes: 2,
      maxLanesPerUser: 1,
      laneIdle: Duration.minutes(1)
    })
  })

  it("may call its servers `servers`, as VS Code does; `mcpServers` wins", () => {
    assert.strictEqual(servers(resolvedValue({ servers: { a: { command: "x" } } }))[0]?.id, "a")
    const both = resolvedValue({ servers: { a: { command: "x" } }, mcpServers: { b: { command: "y" } } })
    assert.strictEqual(servers(both)[0]?.id, "b")
    assert.deepStrictEqual(
      both.notes.map(({ path }) => path),
      ["servers"]
    )
  })

  it("may hold what belongs to other programs", () => {
    const file = resolved('{\n"mcpServers": {},\n"inputs": [],\n"theme": "dark"}')
    assert.deepStrictEqual(problems(file), [])
    assert.deepStrictEqual(file.notes.map(format), [
      "inputs: has no effect: it belongs to another program (line 3)",
      "theme: has no effect: it belongs to another program (line 4)"
    ])
  })
})

describe("a file that is unusable as a whole", () => {
  it.each([
    ["[]", 'expected an object with "mcpServers" (line 1)'],
    ["null", 'expected an object with "mcpServers" (line 1)'],
    ["{}", "mcpServers: is missing"],
    ['{"mcpservers":{}}', "mcpServers: is missing"],
    ['{\n"mcpServers": []}', "mcpServers: expected an object (line 2)"],
    [
      '{"mcpServers":{},"gateway":{"naming":"never"}}',
      'gateway.naming: expected "auto" | "always" | "collisions" (line 1)'
    ],
    [
      '{"mcpServers":{},"gateway":{"pagesize":1}}',
      'gateway.pagesize: is not a known key; did you mean "pageSize"? (line 1)'
    ]
  ])("%s: %s", (text, message) => {
    const file = resolved(text)
    assert.isUndefined(file.config)
    assert.deepStrictEqual(problems(file), [message])
  })

  it.each(["[]", "7", '"x"', "true"])(
    "a gateway section that is none (%s) is told as that, not as an unknown key",
    (section) => {
      const said = problems(resolved(`{"mcpServers":{},\n"gateway":${section}}`))
      assert.strictEqual(said.length, 1)
      assert.match(said[0] ?? "", /^gateway: expected .* \(line 2\)$/u)
    }
  )

  it("tells every problem of every part at once, each with its line", () => {
    const file = resolved(
      [
        '{ "mcpServers": {',
        '    "a": { "args": [] },',
        '    "b": { "command": 7 },',
        '    "c": 8,',
        '    "My Server": { "command": "x" },',
        '    "my_server": { "command": "x" },',
        '    "d": { "command": "x", "command": "y" } },',
        '  "gateway": { "pageSize": 0,',
        '    "nameing": "auto" } }'
      ].join("\n")
    )
    const said = problems(file)
    const expected = [
      "mcpServers.d.command: stands twice, on lines 7 and 7; one of them would be lost",
      'mcpServers.a: needs a "command" to start, or a "url" to connect to (line 2)',
      "mcpServers.b.command: expected string (line 3)",
      "mcpServers.c: expected an object (line 4)",
      'mcpServers.my_server: gives the same name (my_server) as "My Server"; rename one (line 6)',
      "gateway.pageSize: expected a value between 1 and 10000 (line 8)",
      'gateway.nameing: is not a known key; did you mean "naming"? (line 9)'
    ]
    assert.sameMembers([...said], expected)
  })

  it("two servers of one name, but for case or for what names do not allow, are told", () => {
    const clash = (a: string, b: string): number =>
      resolvedValue({ mcpServers: { [a]: { command: "x" }, [b]: { command: "y" } } }).problems.length
    assert.strictEqual(clash("fs", "FS"), 1)
    assert.strictEqual(clash("a/b", "a b"), 1)
    assert.strictEqual(clash("a-b", "a.b"), 0)
    const disabled = { fs: { command: "x" }, FS: { command: "y", disabled: true } }
    assert.deepStrictEqual(problems(resolvedValue({ mcpServers: disabled })), [])
  })

  it("a key that stands twice is told, for one of them would be lost", () => {
    const file = resolved('{"mcpServers":{\n"a":{"command":"x"},\n"a":{"command":"y"}}}')
    assert.deepStrictEqual(problems(file), ["mcpServers.a: stands twice, on lines 2 and 3; one of them would be lost"])
  })
})

describe("secrets", () => {
  const SECRET = "s3cr3t-v4lue"

  /** Everything that anybody could print. */
  const printed = (value: unknown): string =>
    [JSON.stringify(value), String(value), inspect(value, { depth: 20, showHidden: true }), `${String(value)}`].join(
      "\n"
    )

  const variables = { SECRET }

  it.each([
    ["command", { command: "${SECRET}" }],
    ["args", { command: "x", args: ["--token", "${SECRET}"] }],
    ["env, from a variable", { command: "x", env: { T: "${SECRET}" } }],
    ["env, in the file itself", { command: "x", env: { T: SECRET } }],
    ["environment, in the file itself", { command: "x", environment: { T: SECRET } }],
    ["a variable's number", { command: "x", env: { T: 31_337_123 } }],
    ["cwd", { command: "x", cwd: "/home/${SECRET}" }],
    ["envFile's contents", { command: "x", envFile: "x.env" }],
    ["url", { url: "https://x/mcp?key=${SECRET}" }],
    ["url, as a default", { url: "https://x/mcp?key=${MISSING:-s3cr3t-v4lue}" }],
    ["headers, from a variable", { url: "https://x/mcp", headers: { Authorization: "Bearer ${SECRET}" } }],
    ["headers, in the file itself", { url: "https://x/mcp", headers: { Authorization: `Bearer ${SECRET}` } }],
    ["http_headers, in the file itself", { url: "https://x/mcp", http_headers: { "X-Key": SECRET } }],
    ["description", { command: "x", description: "runs as ${SECRET}" }],
    ["names of tools", { command: "x", enabledTools: ["${SECRET}_*"], disabledTools: ["${env:SECRET}"] }]
  ])("never appear when the configuration is printed: %s", (_, entry) => {
    const file = resolvedValue({ mcpServers: { s: entry } }, { variables, envFiles: { "x.env": { TOKEN: SECRET } } })
    assert.strictEqual(servers(file).length, 1)
    assert.notInclude(printed(file.config), SECRET)
    assert.notInclude(printed(file.config), "31337123")
    assert.notInclude(everything(file).join("\n"), SECRET)
  })

  it.each([
    ["a URL that is none", { url: "${SECRET}" }],
    ["a header with a line break", { url: "https://x", headers: { A: `${SECRET}\n` } }],
    ["a header from a variable with a line break", { url: "https://x", headers: { A: "${SECRET}€" } }],
    ["a transport", { transport: "${SECRET}", url: "https://x" }],
    ["a time", { command: "x", callTimeout: "${SECRET}" }],
    ["an isolation", { command: "x", isolation: "${SECRET}" }],
    ["arguments of a wrong kind", { command: "x", args: [{ key: SECRET }] }],
    ["arguments as text", { command: "x", args: `--token ${SECRET}` }],
    ["variables of a wrong kind", { command: "x", env: { T: [SECRET] } }],
    ["headers of a wrong kind", { url: "https://x", headers: { T: { value: SECRET } } }],
    ["restart of a wrong kind", { command: "x", restart: SECRET }],
    ["disabled of a wrong kind", { command: "x", disabled: SECRET }],
    ["both command and url", { command: "${SECRET}", url: "https://x/${SECRET}" }],
    ["a missing variable beside it", { command: "x", args: ["${SECRET}${MISSING}"] }],
    ["an envFile that cannot be read", { command: "x", envFile: "/home/${SECRET}/.env" }],
    ["a key that has no effect", { command: "x", oauth: { clientSecret: SECRET }, bearer_token_env_var: SECRET }],
    ["a key that nobody knows", { command: "x", apiKey: SECRET }]
  ])("never appear in what is said of a file: %s", (_, entry) => {
    const file = resolvedValue({ mcpServers: { s: entry } }, { variables })
    assert.notInclude(everything(file).join("\n"), SECRET)
    assert.notInclude(printed(file.config), SECRET)
    assert.isNotEmpty(everything(file))
  })
})
