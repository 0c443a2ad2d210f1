/** Files as other programs write them: each starts as it is, and its servers are what they were there. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { inspect } from "node:util"
import type { ServerConfig, Text } from "../../src/domain/ServerConfig.ts"
import { everything, problems, resolved, servers, transport } from "../support/configuration.ts"

const folder = join(import.meta.dirname, "corpus")

/** A server in short: how it is reached, who shares it, which tools are filtered; what is left out is the default. */
interface Expected {
  readonly reached: ServerConfig["transport"]["_tag"]
  readonly isolation?: ServerConfig["isolation"]
  readonly enabledTools?: ReadonlyArray<Text>
  readonly disabledTools?: ReadonlyArray<Text>
  readonly restart?: false
  /** Parts of what it is started or reached with. */
  readonly has?: Readonly<Record<string, unknown>>
}

const stdio = (more: Omit<Expected, "reached"> = {}): Expected => ({ reached: "Stdio", ...more })
const http = (more: Omit<Expected, "reached"> = {}): Expected => ({ reached: "Http", isolation: "session", ...more })
const sse = (more: Omit<Expected, "reached"> = {}): Expected => ({ reached: "Sse", isolation: "session", ...more })
const unusable: Expected = { reached: "Unusable" }

/** The enabled servers of each file, in its order. */
const FILES: Readonly<Record<string, Readonly<Record<string, Expected>>>> = {
  "claude-desktop": {
    filesystem: stdio(),
    "brave-search": stdio({ has: { env: { BRAVE_API_KEY: "in-the-file-itself" } } }),
    weather: stdio({ has: { command: "/usr/local/bin/uv" } })
  },
  "claude-code": {
    github: http({ has: { headers: { Authorization: "Bearer pat" } } }),
    sentry: http({ has: { url: "https://mcp.sentry.dev/mcp" } }),
    asana: sse(),
    db: stdio({
      has: {
        command: "/home/ann/bin/db-mcp",
        args: ["--dsn", "postgres://localhost/dev"],
        env: { CACHE_DIR: "" }
      }
    }),
    internal: http()
  },
  cursor: {
    local: unusable,
    linear: sse(),
    api: http({ has: { headers: { Authorization: "Bearer key", "X-Team": "a" } } })
  },
  windsurf: {
    figma: http({ has: { url: "https://mcp.figma.com/mcp", headers: { Authorization: "Bearer figma" } } }),
    github: stdio({ disabledTools: ["delete_repository", "fork_repository"] })
  },
  cline: {
    "github.com/modelcontextprotocol/servers/tree/main/src/filesystem": stdio(),
    "github.com/zcaceres/fetch-mcp": stdio(),
    "remote-docs": http({ has: { headers: { "x-api-key": "in-the-file-itself" } } })
  },
  roo: {
    "project-tools": stdio({ disabledTools: ["deploy"], has: { cwd: "/srv/project" } }),
    remote: http({ has: { headers: { Authorization: "Bearer roo" } } })
  },
  vscode: {
    perplexity: unusable,
    github: http(),
    gistpad: stdio({ has: { cwd: "/srv/gistpad", env: { GIST: "from-the-env-file" } } }),
    "in-workspace": unusable
  },
  "gemini-cli": {
    "python-tools": stdio({
      enabledTools: ["safe_tool", "file_reader"],
      has: { cwd: "/folder/mcp-servers/python", env: { DATABASE_URL: "$DB_CONNECTION_STRING" } }
    }),
    github: http({ disabledTools: ["delete_repository"], has: { headers: { Authorization: "Bearer pat" } } }),
    discovered: sse()
  },
  seed: {
    time: stdio(),
    browser: stdio({ has: { args: ["-y", "@playwright/mcp@latest", "--port", "8931"], env: { CI: "1" } } }),
    docs: http(),
    "plain-http": http(),
    legacy: sse({ has: { headers: { "X-Key": "legacy" } } })
  },
  fastmcp: {
    weather: http(),
    assistant: stdio({ has: { env: { LOG_LEVEL: "INFO" } } }),
    bearer: sse()
  },
  librechat: {
    everything: sse(),
    streamable: http({ has: { headers: { "X-User-ID": "{{LIBRECHAT_USER_ID}}", "X-API-Key": "some" } } }),
    filesystem: stdio()
  },
  "cherry-studio": {
    "29513ec3-4a4b-4f3f-b9a0-3a1b7dfa5c11": stdio({ has: { command: "uvx", args: ["mcp-server-fetch"] } }),
    "vLJ0-remote": sse({
      has: { url: "https://mcp.example.com/events", headers: { Authorization: "Bearer in-the-file-itself" } }
    }),
    stream: http({ disabledTools: ["delete_everything"] })
  },
  "1mcp": {
    files: stdio({
      has: { env: { NODE_ENV: "production", API_KEY: "in-the-file-itself=", INHERITED_KEY: "inherited" } }
    }),
    remote: http({ has: { headers: { Authorization: "Bearer api" } } }),
    once: stdio({ restart: false })
  },
  mcphub: {
    amap: stdio(),
    events: sse(),
    stream: http({ has: { headers: { "X-Key": "stream" } } })
  },
  tbxark: {
    github: stdio({ disabledTools: ["create_or_update_file", "push_files"] }),
    fetch: stdio({ enabledTools: ["fetch"] }),
    amap: sse(),
    stream: http({ has: { headers: { Authorization: "Bearer in-the-file-itself" } } })
  }
}

const variables = {
  HOME: "/home/ann",
  GITHUB_PAT: "pat",
  API_KEY: "key",
  API_TOKEN: "api",
  FIGMA_TOKEN: "figma",
  ROO_TOKEN: "roo",
  LEGACY_KEY: "legacy",
  SOME_API_KEY: "some",
  STREAM_KEY: "stream",
  INHERITED_KEY: "inherited"
}

const envFiles = { ".env": { FROM: "file" }, "gistpad.env": { GIST: "from-the-env-file" } }

const read = (name: string): string => readFileSync(join(folder, `${name}.json`), "utf8")

const short = (server: ServerConfig, has: Expected["has"]): Expected => {
  const reachedWith = transport(server) as Readonly<Record<string, unknown>>
  return {
    reached: server.transport._tag,
    ...(server.isolation === "shared" ? {} : { isolation: server.isolation }),
    ...(server.enabledTools === undefined ? {} : { enabledTools: server.enabledTools }),
    ...(server.disabledTools.length === 0 ? {} : { disabledTools: server.disabledTools }),
    ...(server.restart === false ? { restart: false as const } : {}),
    ...(has === undefined ? {} : { has: Object.fromEntries(Object.keys(has).map((key) => [key, reachedWith[key]])) })
  }
}

describe("the files of other programs", () => {
  it("are all expected here", () => {
    assert.sameMembers(
      readdirSync(folder).map((name) => name.replace(/\.json$/u, "")),
      Object.keys(FILES)
    )
  })

  describe.each(Object.entries(FILES))("%s", (name, expected) => {
    it("starts as it is", () => {
      assert.deepStrictEqual(problems(resolved(read(name), { variables, envFiles })), [])
    })

    it("gives the servers that it means, disabled ones left out", () => {
      const found = servers(resolved(read(name), { variables, envFiles }))
      assert.deepStrictEqual(
        found.map((server): readonly [string, Expected] => [server.id, short(server, expected[server.id]?.has)]),
        Object.entries(expected)
      )
    })

    it("starts also where none of its variables is set, each failing its own server alone", () => {
      const file = resolved(read(name), { envFiles })
      assert.deepStrictEqual(problems(file), [])
      assert.sameMembers(
        servers(file).map(({ id }): string => id),
        Object.keys(expected)
      )
    })

    it("says nothing of the secrets in it", () => {
      const file = resolved(read(name), { variables, envFiles })
      const said = everything(file).join("\n") + JSON.stringify(file.config) + inspect(file.config, { depth: 20 })
      for (const secret of ["in-the-file-itself", "from-the-env-file", "Bearer"]) assert.notInclude(said, secret)
    })
  })
})
