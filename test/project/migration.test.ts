/** docs/migration.md misses nothing of the Python proxy, and promises nothing that the settings do not keep. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import * as SignInErrors from "../../src/auth/pages/SignInErrors.ts"
import { groups } from "../../src/cli/AllSettings.ts"
import { REMNANTS } from "../../src/settings/Remnants.ts"

const root = resolve(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")

const settings = new Set(
  Object.values(groups).flatMap((group) =>
    Object.values(group).map((setting: { readonly name: string }) => setting.name)
  )
)

/** Every variable of the Python proxy's, by where it comes from. */
const PREDECESSOR: Readonly<Record<string, ReadonlyArray<string>>> = {
  "documentation of 3.0: Google": ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "MCP_BASE_URL", "GOOGLE_JWT_KEY"],
  "documentation of 3.0: Auth0": [
    "MCP_AUTH_PROVIDER",
    "AUTH0_CLIENT_ID",
    "AUTH0_CLIENT_SECRET",
    "AUTH0_DOMAIN",
    "AUTH0_AUDIENCE"
  ],
  "documentation of 3.0: proxy": [
    "MCP_CONFIG_PATH",
    "MCP_HOST",
    "MCP_PORT",
    "MCP_LIVE_RELOAD",
    "MCP_PATH_PREFIX",
    "MCP_MAX_RETRIES",
    "MCP_RESTART_DELAY",
    "MCP_LOG_LEVEL",
    "MCP_LOG_LEVELS"
  ],
  "code after 3.0": ["MCP_AUTH_TOKEN", "MCP_AUTH_DEBUG"],
  "code of 2.x": ["MCP_DISABLE_AUTH", "MCP_API_KEYS", "MCP_API_KEYS_PATH", "MCP_USERS_PATH", "MCP_AUTH_CONFIG_PATH"],
  "compose file of 2.x": ["MCP_BEARER_TOKEN"],
  "FastMCP and uvicorn beneath it": [
    "FASTMCP_HOME",
    "FASTMCP_STATELESS_HTTP",
    "FASTMCP_JSON_RESPONSE",
    "FASTMCP_STREAMABLE_HTTP_PATH",
    "FASTMCP_HTTP_ALLOWED_HOSTS",
    "FASTMCP_HTTP_ALLOWED_ORIGINS",
    "FASTMCP_LOG_LEVEL",
    "FORWARDED_ALLOW_IPS"
  ]
}

/** What its documentation, code and operators name, beside variables. */
const NAMED = [
  "proxy_server.py",
  "version.py",
  "requirements.txt",
  "mcp_config.json",
  "mcp_config.schema.json",
  "users.json",
  ".env",
  "Dockerfile",
  "docker-compose.yml",
  "oauth-proxy",
  "/mcp/",
  "/.well-known/oauth-protected-resource",
  "/.well-known/oauth-authorization-server",
  "/register",
  "/dcr",
  "/authorize",
  "/consent",
  "/token",
  "/auth/login",
  "/auth/callback",
  "/health",
  "/{prefix}/mcp/",
  "✓ GoogleProvider successfully initialized",
  "✓ Google OAuth authentication enabled (Claude.ai compatible)",
  "✓ Created unified FastMCP proxy with N server(s)",
  "{server}_{tool}",
  "scheme://{server}/",
  "python proxy_server.py",
  "pip install -r requirements.txt",
  "docker run -p 8080:8080"
]

const page = read("docs/migration.md")
const section = (title: string): string => page.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? ""

const rows = section("Variables")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => {
    const [, variable = "", verdict = "", remark = ""] = line.split("|").map((cell) => cell.trim())
    return { variable: variable.replaceAll("`", ""), verdict, remark }
  })
const named = (...verdicts: ReadonlyArray<string>): ReadonlyArray<string> =>
  rows.filter(({ verdict }) => verdicts.includes(verdict)).map(({ variable }) => variable)

/** The variables of ours, or of others' that we know, that a text names. */
const variablesIn = (text: string): ReadonlyArray<string> => [
  ...new Set(text.match(/\b(?:MCP|GOOGLE|OIDC|AUTH0|FASTMCP|FORWARDED)_[A-Z0-9_]+\b/gu))
]

describe("docs/migration.md", () => {
  it("has one row for every variable of the Python proxy, and for every one that is warned of", () => {
    const expected = new Set([...Object.values(PREDECESSOR).flat(), ...Object.keys(REMNANTS)])
    assert.deepStrictEqual(rows.map(({ variable }) => variable).toSorted(), [...expected].toSorted())
    assert.deepStrictEqual(
      rows.filter(({ verdict }) => !["same", "better", "later", "gone"].includes(verdict)),
      []
    )
  })

  it("says of no variable that it works unless there is such a setting", () => {
    assert.isNotEmpty(named("same", "better"))
    assert.deepStrictEqual(
      named("same", "better", "later").filter((name) => !settings.has(name)),
      []
    )
  })

  it("says of no variable that it is gone unless the start says so too, and gives the remedy", () => {
    assert.deepStrictEqual(named("gone").toSorted(), Object.keys(REMNANTS).toSorted())
    assert.deepStrictEqual(
      rows.filter(({ remark, verdict }) => verdict === "gone" && remark === ""),
      []
    )
  })

  it("names every file, endpoint, command and log line of the Python proxy", () => {
    assert.deepStrictEqual(
      NAMED.filter((name) => !page.includes(name)),
      []
    )
    assert.deepStrictEqual(
      section("Exit codes")
        .match(/^\| \d+/gmu)
        ?.map((cell) => Number(cell.slice(2))),
      [0, 1, 42]
    )
  })
})

describe("the documentation", () => {
  const PAGES = [...globSync("docs/*.md", { cwd: root }), "README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]
  const FILES = ["README.md", "SECURITY.md", "docs/sign-in.md", "docs/migration.md"]

  it("names no variable that there is not", () => {
    const unknown = FILES.flatMap((file) =>
      variablesIn(read(file))
        .filter((name) => !settings.has(name) && !Object.hasOwn(REMNANTS, name))
        .map((name) => `${file}: ${name}`)
    )
    assert.deepStrictEqual(unknown, [])
  })

  it("has no link to a file that there is not", () => {
    const dead = PAGES.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/gu)]
        .map(([, target = ""]) => target)
        .filter((target) => !existsSync(join(root, dirname(file), target)))
        .map((target) => `${file}: ${target}`)
    )
    assert.deepStrictEqual(dead, [])
  })

  it("explains every page with which a sign-in can end", () => {
    const troubles = read("docs/sign-in.md").split("\n## When it does not work\n")[1] ?? ""
    const all = Object.values(SignInErrors).map((error) =>
      typeof error === "function"
        ? (error as (...all: ReadonlyArray<unknown>) => SignInErrors.SignInError)("Google", "")
        : error
    )
    assert.isAtLeast(all.length, 12)
    assert.deepStrictEqual(
      all.map(({ title }) => title).filter((title) => !troubles.includes(`| ${title} `)),
      []
    )
  })
})
