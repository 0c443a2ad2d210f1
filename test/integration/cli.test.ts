/** The command line: results on standard output, everything else on standard error, exit codes a script can rely on. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { bundle, compileCache, eventually, fixture, freePort, projectRoot, readyProxy } from "./harness.ts"

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }

const folderWith = (config: unknown): string => {
  const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-cli-"))
  writeFileSync(join(folder, "mcp_config.json"), typeof config === "string" ? config : JSON.stringify(config))
  return folder
}

/** Runs the program to its end, its output being no terminal. */
const run = (
  cwd: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Ran> =>
  Effect.callback((resume) => {
    const child = spawn(process.execPath, [bundle, ...args], {
      cwd,
      env: { PATH: process.env["PATH"], HOME: cwd, ...compileCache, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()))
    child.on("close", (code) => resume(Effect.succeed({ code: code ?? -1, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("check", () => {
  it.live("passes a configuration whose servers all start", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* run(folderWith({ mcpServers: { raw } }), ["check"])
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(
        stdout,
        /^✓ {2}raw {2}stdio {2}14 tools, 0 prompts, 0 resources {2}\d+ ms\n1 of 1 servers passed\n$/u
      )
      assert.notInclude(stdout, "\u001b", "no colours where there is no terminal")
    })
  )

  it.live("fails, with the reason in the table, if one server does not start", () =>
    Effect.gen(function* () {
      const config = { mcpServers: { raw, dying: { ...raw, args: [...raw.args, "--exit-at-once", "9"] } } }
      const { code, stderr, stdout } = yield* run(folderWith(config), ["check"])
      assert.strictEqual(code, 1)
      assert.match(
        stdout,
        /✗ {2}dying {2}stdio {2}it exited with code 9; its last words: I cannot go on: no such luck/u
      )
      assert.match(stderr, /1 of the servers did not pass: dying/u)
    })
  )

  it.live("speaks JSON to programs, and is strict about unknown keys when asked", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: { raw: { ...raw, comand: "typo" } } })
      const lenient = yield* run(folder, ["check", "--json"])
      assert.strictEqual(lenient.code, 0)
      const report = JSON.parse(lenient.stdout) as {
        ok: boolean
        notes: ReadonlyArray<string>
        servers: ReadonlyArray<{ tools: number }>
      }
      assert.isTrue(report.ok)
      assert.match(report.notes[0] ?? "", /mcpServers\.raw\.comand: is not a known key; did you mean "command"\?/u)
      const strict = yield* run(folder, ["check", "--strict"])
      assert.strictEqual(strict.code, 1)
      assert.match(strict.stderr, /did you mean "command"/u)
    })
  )

  it.live("fails for a variable that is not set, naming it and its place", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: { raw: { ...raw, env: { TOKEN: "${UNSET_ONE}" } } } })
      const { code, stderr } = yield* run(folder, ["check"])
      assert.strictEqual(code, 1)
      assert.match(stderr, /mcpServers\.raw\.env\.TOKEN: the variable UNSET_ONE is not set/u)
    })
  )
})

describe("a users.json", () => {
  it.live("that makes no sense fails check and start, with everything that is wrong with it", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: { raw } })
      writeFileSync(join(folder, "users.json"), '{"ann@example.com": {"rolse": []}, "@example.com": []}')
      const env = { MCP_USERS_PATH: "users.json", MCP_AUTH_PROVIDER: "none", MCP_PORT: String(yield* freePort) }
      for (const command of ["check", "serve"]) {
        const { code, stderr, stdout } = yield* run(folder, [command], env)
        assert.strictEqual(code, 1, command)
        assert.match(stderr + stdout, /users\.json has 2 problems:/u)
        assert.include(stderr + stdout, '"ann@example.com".rolse: is not a known key; did you mean "roles"?')
      }
      const missing = yield* run(folder, ["serve"], { ...env, MCP_USERS_PATH: "nowhere.json" })
      assert.strictEqual(missing.code, 1)
      assert.match(missing.stderr, /MCP_USERS_PATH: there is no file .*nowhere\.json\. Create it/u)
    })
  )

  it.live("that names a server that does not exist is remarked upon by check", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: { raw } })
      writeFileSync(join(folder, "users.json"), '{"*": {"denied_servers": ["rww"]}}')
      const { code, stdout } = yield* run(folder, ["check"], { MCP_DATA_DIR: "." })
      assert.strictEqual(code, 0)
      assert.match(
        stdout,
        /note: .*users\.json: "\*"\.denied_servers\[0\]: there is no server "rww"; did you mean "raw"\?/u
      )
    })
  )
})

describe("tools and call", () => {
  it.live("list and call what is configured, under the names that clients see", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: { a: raw, b: raw } })
      const all = yield* run(folder, ["tools"])
      assert.match(all.stdout, /^a_echo\n/u)
      const one = yield* run(folder, ["tools", "b"])
      assert.isTrue(
        one.stdout
          .trim()
          .split("\n")
          .every((line) => line.startsWith("b_"))
      )
      const json = yield* run(folder, ["tools", "b", "--json"])
      assert.strictEqual((JSON.parse(json.stdout) as ReadonlyArray<unknown>).length, 14)
      const called = yield* run(folder, ["call", "b_echo", '{"x":1}'])
      assert.deepStrictEqual([called.code, called.stdout, called.stderr], [0, '{"x":1}\n', ""])
      const slow = yield* run(folder, ["call", "a_slow", '{"steps":2}'])
      assert.deepStrictEqual([slow.stdout, slow.stderr], ["done slowly\n", "… 1/2\n… 2/2\n"])
    })
  )

  it.live("say what is wrong: the tool, the arguments, the server", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: { a: raw, b: raw } })
      const tool = yield* run(folder, ["call", "a_ecko"])
      assert.deepStrictEqual([tool.code, tool.stdout], [1, ""])
      assert.match(tool.stderr, /Unknown tool: "a_ecko"\. Did you mean "a_echo"\?/u)
      const args = yield* run(folder, ["call", "a_echo", "{x}"])
      assert.strictEqual(args.code, 1)
      assert.match(args.stderr, /The arguments must be a JSON object, for example/u)
      const server = yield* run(folder, ["tools", "c"])
      assert.strictEqual(server.code, 1)
      assert.match(server.stderr, /There is no server "c"; there are a, b/u)
      const both = yield* run(folder, ["tools", "c", "--url", "http://127.0.0.1:9/mcp/"])
      assert.strictEqual(both.code, 1)
      assert.match(both.stderr, /by its own address: --url http:\/\/127\.0\.0\.1:9\/mcp\/c\n/u)
      const nowhere = yield* run(folder, ["tools", "--url", "http://127.0.0.1:9/mcp"])
      assert.strictEqual(nowhere.code, 1)
      assert.match(nowhere.stderr, /^http:\/\/127\.0\.0\.1:9\/mcp: .*ECONNREFUSED/mu)
    })
  )

  it.live("speak to a running proxy, and status shows how it is", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw, gone: { command: "no-such-program" } } } })
      const called = yield* run(proxy.folder, ["call", "raw_echo", '{"via":"proxy"}', "--url", proxy.url])
      assert.deepStrictEqual([called.code, called.stdout], [0, '{"via":"proxy"}\n'])
      const status = yield* run(proxy.folder, ["status"], { MCP_PORT: String(proxy.port) })
      assert.strictEqual(status.code, 0)
      assert.match(status.stdout, /^mcp-proxy \S+ is ready: 1 of 2 servers ready, \d+ sessions\n/u)
      assert.match(
        status.stdout,
        /● {2}gone {2}stdio {2}shared {2}backing off \(unreachable; restart \d+ in \d+ s\): command not found/u
      )
      const json = yield* run(proxy.folder, ["status", "--json", "--url", proxy.url])
      assert.strictEqual((JSON.parse(json.stdout) as { status: string }).status, "ready")
      const none = yield* run(proxy.folder, ["status", "--url", "http://127.0.0.1:9"])
      assert.deepStrictEqual([none.code, none.stdout], [1, ""])
      assert.match(none.stderr, /No proxy answers at http:\/\/127\.0\.0\.1:9/u)
    }).pipe(Effect.scoped)
  )
})

describe("the program", () => {
  it.live("explains itself, prints its version and its schema, and refuses what it does not know", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: {} })
      const help = yield* run(folder, ["--help"])
      assert.strictEqual(help.code, 0)
      for (const command of ["serve", "check", "tools", "call", "status", "schema", "version", "demo"]) {
        assert.match(help.stdout, new RegExp(`^ +${command} `, "mu"))
      }
      assert.match((yield* run(folder, ["version"])).stdout, /^mcp-proxy-server \d+\.\d+\.\d+ \(\S+, built \S+\)\n$/u)
      const schema = yield* run(folder, ["schema"])
      assert.strictEqual(schema.stdout, readFileSync(join(projectRoot, "mcp_config.schema.json"), "utf8"))
      const unknown = yield* run(folder, ["serf"])
      assert.strictEqual(unknown.code, 1)
      assert.match(unknown.stderr, /Unknown subcommand "serf"/u)
      assert.match((yield* run(folder, ["--completions", "bash"])).stdout, /mcp-proxy-server/u)
    })
  )

  it.live("takes settings from .env, the environment winning", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: { raw: { ...raw, args: [...raw.args, "${FROM_FILE}"] } } })
      writeFileSync(join(folder, ".env"), "MCP_LOG_LEVEL=nonsense\nFROM_FILE=value\n")
      const fromFile = yield* run(folder, ["check"])
      assert.match(fromFile.stderr, /MCP_LOG_LEVEL: expected .* not "nonsense"/u)
      const fromEnvironment = yield* run(folder, ["check"], { MCP_LOG_LEVEL: "INFO" })
      assert.strictEqual(fromEnvironment.code, 0)
    })
  )

  it.live("as a demo takes the next free port and shows how to connect", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const squatter = createServer()
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => {
          squatter.listen(port, "127.0.0.1", () => resume(Effect.void))
        }),
        () => Effect.sync(() => squatter.close())
      )
      const output = yield* Effect.callback<string>((resume) => {
        let text = ""
        const child = spawn(process.execPath, [bundle, "demo"], {
          cwd: projectRoot,
          env: {
            PATH: process.env["PATH"],
            HOME: tmpdir(),
            MCP_PORT: String(port),
            MCP_DATA_DIR: mkdtempSync(join(tmpdir(), "mcp-demo-"))
          },
          stdio: ["ignore", "pipe", "inherit"]
        })
        child.stdout.on("data", (chunk: Buffer) => {
          text += chunk.toString()
          if (chunk.toString().includes("3 of 3 servers are ready")) child.kill("SIGTERM")
        })
        child.on("close", (code) => resume(Effect.succeed(`${text}\nexit ${code}`)))
        return Effect.sync(() => child.kill("SIGKILL"))
      })
      const url = /MCP endpoint +(http:\/\/localhost:(\d+)\/mcp)/u.exec(output)
      assert.isAbove(Number(url?.[2]), port)
      assert.include(output, `claude mcp add --transport http mcp-proxy ${url?.[1]}`)
      assert.match(output, /exit 0$/u)
    }).pipe(Effect.scoped)
  )
})

describe("audit", () => {
  const said = (stdout: string) => stdout.trim().split("\n")

  it.live("shows who did what, while the proxy runs and after it, and MCP_AUDIT_PATH has the same", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const proxy = yield* readyProxy({
          config: { mcpServers: { raw } },
          env: { MCP_AUDIT_PATH: "trail.jsonl", MCP_AUDIT_ARGUMENTS: "true" }
        })
        const { folder, url } = proxy
        yield* run(folder, ["call", "echo", '{"text": "hello", "apiToken": "s3cr3t"}', "--url", url])
        yield* run(folder, ["call", "nonsense", "{}", "--url", url])
        yield* eventually("the last call is in the file", () => {
          const lines = existsSync(join(folder, "trail.jsonl")) ? readFileSync(join(folder, "trail.jsonl"), "utf8") : ""
          return lines.includes("nonsense")
        })
        const table = yield* run(folder, ["audit"])
        assert.deepStrictEqual([table.code, table.stderr], [0, ""])
        assert.match(table.stdout, /^TIME +WHO +CLIENT +SERVER +WHAT +OUTCOME +MS\n/u)
        assert.match(table.stdout, /anonymous +mcp-proxy +raw +echo +ok +\d+\n/u)
        const one = yield* run(folder, ["audit", "--tool", "ec*", "--server", "raw", "--since", "2h", "--json"])
        assert.strictEqual(said(one.stdout).length, 1)
        const record = JSON.parse(one.stdout)
        assert.deepInclude(record, { kind: "call", outcome: "ok", target: "echo", server: "raw", method: "tools/call" })
        assert.deepStrictEqual(record.arguments, { text: "hello", apiToken: "***" })
        const none = yield* run(folder, ["audit", "--user", "nobody@example.com"])
        assert.deepStrictEqual([none.code, none.stdout], [0, "No such records\n"])
        const last = yield* run(folder, ["audit", "--json", "--limit", "1"])
        assert.include(last.stdout, "nonsense")
        const ready = yield* Effect.promise(() =>
          fetch(new URL("/ready", url)).then((response) => response.json() as Promise<{ readonly audit: unknown }>)
        )
        assert.deepStrictEqual(ready.audit, { waiting: 0, lost: 0, fault: null })
        yield* proxy.signal("SIGTERM")
        assert.strictEqual(yield* proxy.exited, 0)
        const after = yield* run(folder, ["audit", "--json"])
        const parsed = (text: string) => said(text).map((line) => JSON.parse(line))
        assert.sameDeepMembers(parsed(after.stdout), parsed(readFileSync(join(folder, "trail.jsonl"), "utf8")))
      })
    )
  )

  it.live("keeps nothing where MCP_AUDIT is off", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { folder, url } = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_AUDIT: "off" } })
        yield* run(folder, ["call", "echo", "{}", "--url", url])
        assert.isFalse(existsSync(join(folder, "data", "audit.db")))
        const { code, stderr, stdout } = yield* run(folder, ["audit"])
        assert.deepStrictEqual([code, stdout], [1, ""])
        assert.match(
          stderr,
          /^No audit trail can be read at .*data\/audit\.db: there is no such file\. .*MCP_DATA_DIR/u
        )
      })
    )
  )

  it.live("says of a time that is none what one is", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* run(folderWith({ mcpServers: {} }), ["audit", "--since", "yesterday"])
      assert.strictEqual(code, 1)
      assert.match(stderr, /^--since: expected how long ago, .* not "yesterday"/u)
    })
  )

  it.live("does not mind a reader that has seen enough", () =>
    Effect.gen(function* () {
      const folder = folderWith({ mcpServers: {} })
      mkdirSync(join(folder, "data"))
      const database = new DatabaseSync(join(folder, "data", "audit.db"))
      database.exec("CREATE TABLE records (id INTEGER PRIMARY KEY, time INTEGER, subject TEXT, record TEXT)")
      const insert = database.prepare("INSERT INTO records (time, record) VALUES (1, ?)")
      const record = JSON.stringify({ time: 1, kind: "call", outcome: "ok", target: "x".repeat(1000) })
      database.exec("BEGIN")
      for (let index = 0; index < 5000; index++) insert.run(record)
      database.exec("COMMIT")
      database.close()
      const child = spawn(
        "/bin/sh",
        ["-c", '{ "$0" "$1" audit --json --limit 5000; echo "$?" >code; } | head -1', process.execPath, bundle],
        { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env["PATH"], HOME: folder } }
      )
      let stderr = ""
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()))
      child.stdout.resume()
      yield* Effect.callback<void>((resume) => {
        child.on("close", () => resume(Effect.void))
      })
      assert.deepStrictEqual([stderr, readFileSync(join(folder, "code"), "utf8")], ["", "0\n"])
    })
  )
})
