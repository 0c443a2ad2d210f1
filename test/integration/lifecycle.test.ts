/** From the start to the end of the process: what is said, what is waited for, which exit code it ends with. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync, spawnSync } from "node:child_process"
import { copyFileSync, globSync, mkdtempSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { dirname, join } from "node:path"
import { tmpdir } from "node:os"
import { call, connect } from "./client.ts"
import {
  bundle,
  eventually,
  fixture,
  freePort,
  nobodyLeft,
  projectRoot,
  readyProxy,
  startProxy,
  survivors
} from "./harness.ts"
import { oldNode } from "./oldNode.ts"
import { begin, eventsOf, openStream, post, send } from "./wire.ts"

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }
const slow = (steps: number) => ({
  jsonrpc: "2.0",
  id: 9,
  method: "tools/call",
  params: { name: "slow", arguments: { steps }, _meta: { progressToken: 1 } }
})

describe("a start", () => {
  it.live("says version, address, each server, and the lines to paste", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      const output = proxy.output()
      assert.match(output, /MCP Proxy Server \d+\.\d+\.\d+ \(\S+, built \S+Z\) serves http:\/\/localhost:\d+\/mcp/u)
      assert.match(output, /raw ready in \d+ ms: 14 tools, 0 prompts, 0 resources \(raw 1, 2025-11-25\)/u)
      assert.match(output, /claude mcp add --transport http mcp-proxy http:\/\/localhost:\d+\/mcp/u)
      assert.match(output, /"type": "http"/u)
      assert.match(output, /No sign-in: every program on this machine/u)
    }).pipe(Effect.scoped)
  )

  it.live("is not held up by a server that is slow or dead, nor is the first list by more than MCP_LIST_WAIT", () =>
    Effect.gen(function* () {
      const mute = { command: process.execPath, args: [fixture("raw-stdio.ts"), "--mute"] }
      const proxy = yield* startProxy({ config: { mcpServers: { mute, raw } }, env: { MCP_LIST_WAIT: "1" } })
      yield* proxy.printed(/raw ready in/u)
      const session = yield* begin(proxy.url)
      const { text } = yield* post(proxy.url, { jsonrpc: "2.0", id: 1, method: "tools/list" }, session)
      assert.include(text, "raw_echo")
      assert.notInclude(text, "mute_")
      const down = yield* post(
        proxy.url,
        { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "mute_echo" } },
        session
      )
      assert.include(down.text, 'Server \\"mute\\" is starting')
    }).pipe(Effect.scoped)
  )

  it.live("with settings that cannot be meant names all of them and exits 1", () =>
    Effect.gen(function* () {
      const proxy = yield* startProxy({
        config: { mcpServers: {} },
        env: {
          MCP_PORT: "http",
          MCP_LOG_LEVEL: "LOUD",
          MCP_BASE_URL: "https://your-domain.com",
          MCP_PATH_PREFIX: "mcp"
        }
      })
      assert.strictEqual(yield* proxy.exited, 1)
      for (const line of [
        /MCP_PORT: expected a whole number from 1 to 65535, not "http"/u,
        /MCP_LOG_LEVEL: expected ALL, TRACE, DEBUG, INFO, WARNING, ERROR, CRITICAL or NONE, not "LOUD"/u,
        /MCP_BASE_URL: still holds the placeholder of an example file/u,
        /MCP_PATH_PREFIX: expected something else than the reserved word "mcp"/u
      ]) {
        assert.match(proxy.output(), line)
      }
    }).pipe(Effect.scoped)
  )

  it.live("without sign-in, or open to the network without it, is refused with what to set", () =>
    Effect.gen(function* () {
      const unset = yield* startProxy({ config: { mcpServers: {} }, env: { MCP_AUTH_PROVIDER: "" } })
      assert.strictEqual(yield* unset.exited, 1)
      assert.match(unset.output(), /GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and MCP_BASE_URL.*MCP_AUTH_PROVIDER=none/u)
      const open = yield* startProxy({ config: { mcpServers: {} }, env: { MCP_HOST: "0.0.0.0" } })
      assert.strictEqual(yield* open.exited, 1)
      assert.match(open.output(), /MCP_HOST=0\.0\.0\.0 .*MCP_AUTH_PROVIDER=none.*MCP_ALLOW_INSECURE=true/u)
      const forced = yield* readyProxy({
        config: { mcpServers: {} },
        env: { MCP_HOST: "0.0.0.0", MCP_ALLOW_INSECURE: "true" }
      })
      assert.match(forced.output(), /anyone who reaches this proxy can use every tool/u)
    }).pipe(Effect.scoped)
  )

  it.live("with a configuration that is missing, no JSON, or wrong exits 1 at once with all that is wrong", () =>
    Effect.gen(function* () {
      const missing = yield* startProxy({ config: "{}", env: { MCP_CONFIG_PATH: "elsewhere.json" } })
      assert.strictEqual(yield* missing.exited, 1)
      assert.match(missing.output(), /Configuration not found: .*elsewhere\.json\. Set MCP_CONFIG_PATH/u)
      const syntax = yield* startProxy({ config: '{\n  "mcpServers": {\n    "a": { "command": "x", }\n  }\n}' })
      assert.strictEqual(yield* syntax.exited, 1)
      assert.match(syntax.output(), /is not JSON: .* at line 3, column 28\n +"a": \{ "command": "x", \}\n +\^/u)
      const wrong = yield* startProxy({
        config: '{"mcpServers": {"a": {"args": ["x"]}, "b": {"command": 5}}, "gateway": {"namming": "auto"}}'
      })
      assert.strictEqual(yield* wrong.exited, 1)
      assert.match(wrong.output(), /3 problems/u)
      assert.match(wrong.output(), /mcpServers\.a: needs a "command" to start, or a "url" to connect to \(line 1\)/u)
      assert.match(wrong.output(), /mcpServers\.b\.command: expected string/u)
      assert.match(wrong.output(), /gateway\.namming: is not a known key; did you mean "naming"\?/u)
    }).pipe(Effect.scoped)
  )

  it.live("with a missing variable leaves out that server only, or with MCP_STRICT is refused", () =>
    Effect.gen(function* () {
      const needy = { ...raw, env: { TOKEN: "${NO_SUCH_VARIABLE}" }, isolation: "session" }
      const config = { mcpServers: { needy, raw } }
      const proxy = yield* readyProxy({ config })
      const error = yield* Effect.flip(call(yield* connect(proxy.url), "needy_echo"))
      assert.match(
        error.message,
        /"needy" is failed \(misconfigured\): mcpServers\.needy\.env\.TOKEN: the variable NO_SUCH_VARIABLE is not/u
      )
      assert.notInclude(proxy.output(), "maxLanes")
      assert.match(proxy.output(), /mcpServers\.needy\.env\.TOKEN: the variable NO_SUCH_VARIABLE is not set/u)
      assert.match(proxy.output(), /1 of 2 servers are ready/u)
      const strict = yield* startProxy({ config, env: { MCP_STRICT: "yes" } })
      assert.strictEqual(yield* strict.exited, 1)
    }).pipe(Effect.scoped)
  )

  it.live("on a busy port says so at once, waits for it, and gives up with its number", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const squatter = createServer()
      yield* Effect.callback<void>((resume) => {
        squatter.listen(port, "127.0.0.1", () => resume(Effect.void))
      })
      const waiting = yield* startProxy({ config: { mcpServers: { raw } }, port })
      yield* waiting.printed(new RegExp(`Port ${port} is in use.*set MCP_PORT.*Trying again for 10 s`, "u"))
      squatter.close()
      yield* waiting.printed(/1 of 1 servers are ready/u)
      const second = yield* startProxy({ config: { mcpServers: { raw } }, port })
      yield* second.printed(/Trying again/u)
      assert.strictEqual(yield* second.exited, 1)
      assert.match(second.output(), new RegExp(`Port ${port} is in use.*\\n$`, "u"))
      assert.strictEqual(survivors(second.marker).length, 0, "no server was started for nothing")
    }).pipe(Effect.scoped)
  )

  it.live("warns once of each variable of the Python proxy that it does not use", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw } },
        env: { FASTMCP_LOG_LEVEL: "DEBUG", FASTMCP_MADE_UP: "1", AUTH0_DOMAIN: "x.example" }
      })
      for (const name of ["FASTMCP_LOG_LEVEL", "FASTMCP_MADE_UP"]) {
        assert.strictEqual(proxy.output().split(`${name} is not used`).length, 2, name)
      }
      assert.include(proxy.output(), "Not used: AUTH0_DOMAIN, for MCP_AUTH_PROVIDER is none.")
    }).pipe(Effect.scoped)
  )
})

describe("the end", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it.live(
      `by ${signal} lets calls finish, takes no new ones, ends streams cleanly, stops every child, and exits 0`,
      () =>
        Effect.gen(function* () {
          const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_SHUTDOWN_GRACE: "10" } })
          const session = yield* begin(proxy.url)
          const standing = yield* openStream(proxy.url, session)
          const call = yield* openStream(proxy.url, session, JSON.stringify(slow(10)))
          yield* eventually("the call runs", () => eventsOf(call.text()).length >= 2)
          yield* proxy.signal(signal)
          yield* eventually("the standing stream is ended", standing.ended)
          const late = yield* post(proxy.url, slow(1), session)
          assert.strictEqual(late.status, 0, "a new connection is refused")
          assert.strictEqual(yield* proxy.exited, 0)
          assert.match(call.text(), /done slowly/u)
          yield* nobodyLeft(proxy.marker)
        }).pipe(Effect.scoped)
    )
  }

  it.live("waits for calls no longer than MCP_SHUTDOWN_GRACE, and answers them as cancelled", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_SHUTDOWN_GRACE: "0.5" } })
      const session = yield* begin(proxy.url)
      const call = yield* openStream(proxy.url, session, JSON.stringify(slow(100)))
      yield* eventually("the call runs", () => eventsOf(call.text()).length >= 2)
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
      assert.match(call.text(), /The request was cancelled/u)
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )

  it.live("comes at once with a second signal", () =>
    Effect.gen(function* () {
      const stubborn = { command: process.execPath, args: [fixture("raw-stdio.ts"), "--ignore-term"] }
      const proxy = yield* readyProxy({ config: { mcpServers: { raw: stubborn } }, env: { MCP_SHUTDOWN_GRACE: "60" } })
      const session = yield* begin(proxy.url)
      const call = yield* openStream(proxy.url, session, JSON.stringify(slow(1000)))
      yield* eventually("the call runs", () => eventsOf(call.text()).length >= 2)
      yield* proxy.signal("SIGTERM")
      yield* proxy.printed(/Stopping/u)
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 130)
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )
})

describe.skipIf(oldNode === undefined)("on a Node that is too old", () => {
  const node = oldNode ?? ""

  it.live("the program runs on the platform that the project brings along, signals and exit code included", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(projectRoot, "node_modules/.mcp-proxy-test-"))
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, node, folder })
      const health = yield* send(`http://localhost:${proxy.port}/health`)
      assert.strictEqual(health.status, 200)
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
      yield* nobodyLeft(proxy.marker)
      const failing = yield* startProxy({ config: "not json", node, folder })
      assert.strictEqual(yield* failing.exited, 1)
    }).pipe(Effect.scoped)
  )

  it.live("killing the wrapper ends the program and all that it started", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, node })
      yield* proxy.signal("SIGKILL")
      yield* nobodyLeft(proxy.marker)
    }).pipe(Effect.scoped)
  )

  it.live("in an empty directory it says in one line what to do, and exits 1", () =>
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-empty-"))
      copyFileSync(bundle, join(folder, "main.js"))
      let failure: { status?: number; stderr?: string } = {}
      try {
        execFileSync(node, ["main.js", "version"], { cwd: folder, encoding: "utf8", stdio: "pipe" })
      } catch (error) {
        failure = error as typeof failure
      }
      assert.strictEqual(failure.status, 1)
      assert.match(
        failure.stderr ?? "",
        /^mcp-proxy-server needs Node 22\.19 or newer, and this is \S+: install a newer Node, or run "npm ci"[^\n]*\n$/u
      )
    })
  )
})

describe("in an empty directory on a new Node", () => {
  const program = (): string => {
    const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-empty-"))
    for (const name of ["main.js", "program.js"]) copyFileSync(join(dirname(bundle), name), join(folder, name))
    return folder
  }

  /** Says its version, what it compiled being kept where it looks for that. */
  const version = (folder: string) => {
    const { status, stderr } = spawnSync(process.execPath, ["main.js", "version"], { cwd: folder, env: {} })
    return [status, stderr.toString()] as const
  }

  it.live("the program's two files are enough", () =>
    Effect.sync(() => {
      const folder = program()
      writeFileSync(join(folder, "mcp_config.json"), JSON.stringify({ mcpServers: { raw } }))
      const text = execFileSync(process.execPath, ["main.js", "check"], { cwd: folder, encoding: "utf8" })
      assert.match(text, /✓ +raw +stdio +14 tools/u)
    })
  )

  it.live("what was compiled is kept for the next start, where there can be such a place", () =>
    Effect.sync(() => {
      const folder = program()
      const kept = () =>
        globSync("*/*", { cwd: join(folder, ".compiled") }).map((name) => [
          name,
          statSync(join(folder, ".compiled", name)).mtimeMs
        ])
      assert.deepStrictEqual(version(folder), [0, ""])
      const first = kept()
      assert.lengthOf(first, 1)
      assert.deepStrictEqual(version(folder), [0, ""])
      assert.deepStrictEqual(kept(), first)
      const another = program()
      writeFileSync(join(another, ".compiled"), "no folder can be made here")
      assert.deepStrictEqual(version(another), [0, ""])
    })
  )

  it.live("what it does not use of Node's own is not loaded", () =>
    Effect.sync(() => {
      const tell = 'data:text/javascript,process.on("exit",()=>console.error(process.moduleLoadList.join()))'
      const { stderr } = spawnSync(process.execPath, ["--import", tell, bundle, "version"], { encoding: "utf8" })
      const loaded = stderr.split(",").map((name) => name.replace("NativeModule ", ""))
      assert.includeMembers(loaded, ["http", "crypto"])
      const unused = ["internal/deps/undici/undici", "internal/crypto/webcrypto", "http2"]
      assert.deepStrictEqual(
        unused.filter((name) => loaded.includes(name)),
        []
      )
    })
  )
})
