/** The audit trail of a real proxy: who called what is there to be read, whatever becomes of process, disk and file. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { execFileSync, spawnSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { AuditRecord } from "../../src/domain/AuditRecord.ts"
import { call, connect, textOf } from "./client.ts"
import { stdioEntry } from "./everything.ts"
import { bundle, compileCache, eventually, fixture, projectRoot, readyProxy, type RunningProxy } from "./harness.ts"
import { begin, openStream, post, send } from "./wire.ts"

type Line = Omit<AuditRecord, "time"> & { readonly time: string }

const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `audit` where a proxy keeps its data. */
const audit = (folder: string, ...args: ReadonlyArray<string>): Ran =>
  spawnSync(process.execPath, [bundle, "audit", ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], ...compileCache },
    maxBuffer: 1e9
  })

const linesOf = (text: string): ReadonlyArray<Line> =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line)

/** The records of a proxy, oldest first. */
const records = (folder: string, ...args: ReadonlyArray<string>): ReadonlyArray<Line> => {
  const { status, stderr, stdout } = audit(folder, "--json", "--limit", "100000", ...args)
  assert.deepStrictEqual([status, stderr], [0, ""])
  return linesOf(stdout)
}

interface Report {
  readonly waiting: number
  readonly lost: number
  readonly fault: string | null
}

const ready = (proxy: RunningProxy) =>
  Effect.map(
    send(`http://localhost:${proxy.port}/ready`),
    ({ text }) => (JSON.parse(text) as { readonly audit: Report }).audit
  )

/** Waits until the audit trail says so of itself. */
const until = (proxy: RunningProxy, holds: (report: Report) => boolean, millis = 20_000) =>
  Effect.gen(function* () {
    for (;;) {
      const report = yield* ready(proxy)
      if (holds(report)) return report
      yield* Effect.sleep(20)
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: millis,
      orElse: () => Effect.die(new Error(`the audit trail never came to it:\n${proxy.output()}`))
    })
  )

const written = (proxy: RunningProxy) => until(proxy, ({ waiting }) => waiting === 0)

const toolCall = (id: number, name: string, args: object = {}) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args }
})

/** So many calls of tools that are named after their number, each answered. */
const numbered = (proxy: RunningProxy, from: number, to: number, filler = "") =>
  Effect.flatMap(begin(proxy.url), (session) =>
    Effect.forEach(
      Array.from({ length: to - from }, (_, index) => from + index),
      (id) =>
        Effect.map(post(proxy.url, toolCall(id, `tool-${id}${filler}`), session), ({ status, text }) =>
          assert.strictEqual(status, 200, text)
        ),
      { concurrency: 16, discard: true }
    )
  )

const numbers = (all: ReadonlyArray<Line>): ReadonlyArray<number> =>
  all
    .flatMap(({ target }) => /^tool-(\d+)/u.exec(target ?? "")?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

describe("what clients do", () => {
  it.live("through the everything server is recorded, with who, what, where, how long and how much", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { everything: stdioEntry, raw } } })
      const connected = yield* connect(proxy.url)
      const { client } = connected
      assert.include(textOf(yield* call(connected, "everything_echo", { message: "hello" })), "hello")
      yield* call(connected, "everything_echo", { wrong: true })
      yield* Effect.promise(async () => {
        const { resources } = await client.listResources()
        const [resource] = resources
        await client.readResource({ uri: resource?.uri ?? "" })
        const { prompts } = await client.listPrompts()
        await client.getPrompt({ name: prompts[0]?.name ?? "" })
        await client.ping()
        await client.callTool({ name: "nothing_of_that_name" }).catch(() => {})
      })
      yield* written(proxy)
      const all = records(proxy.folder)
      assert.deepStrictEqual(
        all.map(({ kind, method, outcome, server }) => [kind, method, server, outcome]),
        [
          ["call", "initialize", undefined, "ok"],
          ["call", "tools/call", "everything", "ok"],
          ["call", "tools/call", "everything", "tool-error"],
          ["call", "resources/list", undefined, "ok"],
          ["call", "resources/read", "everything", "ok"],
          ["call", "prompts/list", undefined, "ok"],
          ["call", "prompts/get", "everything", "ok"],
          ["call", "tools/call", undefined, "not-found"]
        ]
      )
      const [, echo, , , read, , , unknown] = all
      assert.deepInclude(echo, {
        principal: { subject: "anonymous", name: "anonymous" },
        client: { name: "test", version: "1.0.0" },
        target: "everything_echo"
      })
      assert.notProperty(echo, "arguments")
      assert.isAbove(echo?.bytesIn ?? 0, 30)
      assert.isAbove(echo?.bytesOut ?? 0, 50)
      assert.isAtLeast(echo?.millis ?? -1, 0)
      assert.isBelow(Math.abs(Date.parse(echo?.time ?? "") - Date.now()), 60_000)
      assert.match(read?.target ?? "", /^\w+:\/\/everything\//u)
      assert.strictEqual(unknown?.code, -32602)
      const ids = all.slice(1).map(({ request, session }) => `${session} ${request}`)
      assert.strictEqual(new Set(ids).size, ids.length, "each request is one")
      assert.strictEqual(new Set(all.map(({ session }) => session)).size, 1, "the session is one")
      assert.notInclude(
        JSON.stringify(all),
        connected.transport.sessionId ?? "",
        "its id opens it, and is not recorded"
      )
    }).pipe(Effect.scoped)
  )

  it.live("is recorded with what became of it", () =>
    Effect.gen(function* () {
      const absent = { command: "/nonexistent/program" }
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw: { ...raw, callTimeout: "1 s", restart: { maxRestarts: 0 } }, absent } }
      })
      const session = yield* begin(proxy.url)
      yield* post(proxy.url, { jsonrpc: "2.0", id: 9, method: "initialize", params: {} })
      yield* post(proxy.url, toolCall(1, "absent_x"), session)
      yield* post(proxy.url, { jsonrpc: "2.0", id: 2, method: "tools/call", params: {} }, session)
      yield* post(proxy.url, { jsonrpc: "2.0", id: 3, method: "made/up" }, session)
      const slow = { ...toolCall(4, "raw_slow").params, arguments: { steps: 100 }, _meta: { progressToken: 1 } }
      const stream = yield* openStream(proxy.url, session, JSON.stringify({ ...toolCall(4, ""), params: slow }))
      yield* eventually("the call runs", () => stream.text().includes("notifications/progress"))
      const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 4 } }
      yield* post(proxy.url, cancelled, session)
      yield* post(proxy.url, toolCall(5, "raw_hang"), session)
      yield* post(proxy.url, toolCall(6, "raw_exit"), session)
      yield* written(proxy)
      assert.deepStrictEqual(
        records(proxy.folder)
          .filter(({ method }) => method !== "initialize")
          .sort((a, b) => Number(a.request) - Number(b.request))
          .map(({ code, outcome, request, server }) => [request, server, outcome, code]),
        [
          [1, "absent", "unavailable", 1503],
          [2, undefined, "invalid", -32602],
          [3, undefined, "not-found", -32601],
          [4, "raw", "cancelled", 1499],
          [5, "raw", "timeout", 1504],
          [6, "raw", "unknown", 1502]
        ]
      )
      const begun = records(proxy.folder).filter(({ method }) => method === "initialize")
      assert.deepStrictEqual(
        begun.map(({ outcome }) => outcome),
        ["ok", "invalid"]
      )
      assert.isAbove(begun[0]?.bytesOut ?? 0, 50)
      assert.match(begun[1]?.detail ?? "", /protocolVersion/u)
    }).pipe(Effect.scoped)
  )
})

describe("the end of the process", () => {
  it.live("by SIGTERM loses nothing", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      yield* numbered(proxy, 0, 300)
      yield* proxy.signal("SIGTERM")
      assert.strictEqual(yield* proxy.exited, 0)
      assert.deepStrictEqual(numbers(records(proxy.folder)), range(0, 300))
    }).pipe(Effect.scoped)
  )

  it.live("by SIGKILL loses no more than what was not written yet", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } } })
      yield* numbered(proxy, 0, 100)
      yield* written(proxy)
      yield* numbered(proxy, 100, 150)
      yield* proxy.signal("SIGKILL")
      yield* proxy.exited
      const kept = numbers(records(proxy.folder))
      assert.deepStrictEqual(kept.slice(0, 100), range(0, 100))
      const again = yield* readyProxy({ config: { mcpServers: { raw } }, folder: proxy.folder })
      yield* numbered(again, 200, 210)
      yield* written(again)
      assert.deepStrictEqual(numbers(records(proxy.folder)), [...kept, ...range(200, 210)])
    }).pipe(Effect.scoped)
  )
})

describe("a disk", () => {
  const prlimit = "/usr/bin/prlimit"

  it.live.skipIf(!existsSync(prlimit))("that is full is said to be, calls go on, and nothing of them is lost", () =>
    Effect.gen(function* () {
      // A file that may not grow is a full disk for whoever writes it.
      const proxy = yield* readyProxy({
        config: { mcpServers: { raw } },
        through: [prlimit, "--fsize=150000:unlimited"]
      })
      yield* numbered(proxy, 0, 300, "-".repeat(900))
      yield* until(proxy, ({ fault }) => fault !== null)
      const session = yield* begin(proxy.url)
      assert.include((yield* post(proxy.url, toolCall(1, "echo", { still: "here" }), session)).text, "still")
      execFileSync(prlimit, ["--pid", String(proxy.pid), "--fsize=unlimited"])
      const { lost } = yield* until(proxy, ({ fault, waiting }) => fault === null && waiting === 0)
      assert.strictEqual(lost, 0)
      const all = records(proxy.folder)
      assert.deepStrictEqual(numbers(all), range(0, 300))
      // Two sessions were begun, and one more tool was called.
      assert.strictEqual(all.length, 303)
      // Between two attempts the disk may have had room for one: each time that it is full is said once.
      const said = [...proxy.output().matchAll(/The audit trail (cannot be|is) written/gu)].map(([, word]) => word)
      assert.isAtLeast(said.length, 2)
      for (const [index, word] of said.entries()) assert.strictEqual(word, index % 2 === 0 ? "cannot be" : "is")
    }).pipe(Effect.scoped)
  )

  const setpriv = "/usr/bin/setpriv"
  const isRoot = process.getuid?.() === 0

  it.live.skipIf(isRoot && !existsSync(setpriv))("that is read-only is said to be, until it is not", () =>
    Effect.gen(function* () {
      // To root nothing is read-only.
      const nobody = 65_534
      const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-test-"))
      const data = join(folder, "data")
      mkdirSync(data)
      writeFileSync(join(data, "audit.db"), "")
      chmodSync(join(data, "audit.db"), 0o444)
      if (isRoot) for (const path of [folder, data, join(data, "audit.db")]) chownSync(path, nobody, nobody)
      const through = isRoot ? [setpriv, `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"] : []
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, folder, through })
      yield* numbered(proxy, 0, 5)
      const { fault } = yield* until(proxy, (report) => report.fault !== null)
      assert.match(fault ?? "", /EACCES/u)
      assert.match(proxy.output(), /ERROR .*The audit trail cannot be written to .*audit\.db: .*EACCES/u)
      chmodSync(join(data, "audit.db"), 0o600)
      yield* until(proxy, ({ fault, waiting }) => fault === null && waiting === 0)
      assert.deepStrictEqual(numbers(records(folder)), range(0, 5))
    }).pipe(Effect.scoped)
  )
})

describe("two proxies on one data directory", () => {
  it.live("lose nothing of each other's, and can be read meanwhile", () =>
    Effect.gen(function* () {
      const config = { mcpServers: { raw } }
      const env = { MCP_RATE_LIMIT: "0" }
      const one = yield* readyProxy({ config, env })
      const two = yield* readyProxy({ config, env: { ...env, MCP_DATA_DIR: join(one.folder, "data") } })
      const load = yield* Effect.forkChild(
        Effect.all([numbered(one, 0, 800), numbered(two, 800, 1600)], { concurrency: 2 })
      )
      for (let seen = -1, round = 0; round < 3; round++) {
        const now = records(one.folder).length
        assert.isAtLeast(now, seen)
        seen = now
      }
      yield* Fiber.join(load)
      yield* written(one)
      yield* written(two)
      assert.deepStrictEqual(numbers(records(one.folder)), range(0, 1600))
      assert.deepStrictEqual((yield* ready(one)).lost + (yield* ready(two)).lost, 0)
    }).pipe(Effect.scoped)
  )
})

describe("MCP_AUDIT_PATH", () => {
  it.live("has every record as a line of JSON, across log rotation", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_AUDIT_PATH: "audit.jsonl" } })
      const path = join(proxy.folder, "audit.jsonl")
      yield* numbered(proxy, 0, 50)
      yield* written(proxy)
      renameSync(path, `${path}.1`)
      yield* numbered(proxy, 50, 100)
      yield* written(proxy)
      const before = linesOf(readFileSync(`${path}.1`, "utf8"))
      const after = linesOf(readFileSync(path, "utf8"))
      assert.deepStrictEqual(numbers(before), range(0, 50))
      assert.deepStrictEqual(numbers(after), range(50, 100))
      const key = (line: Line) => `${line.time} ${line.session} ${line.request}`
      const byKey = (a: Line, b: Line) => (key(a) < key(b) ? -1 : 1)
      assert.deepStrictEqual([...before, ...after].sort(byKey), [...records(proxy.folder)].sort(byKey))
    }).pipe(Effect.scoped)
  )
})

describe("an embedding program", () => {
  it.live("has the thread from the one file that it imports", () =>
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-embed-"))
      const program = `
        import { Duration, Effect, Option } from "effect"
        import { Audit, AuditTrail } from ${JSON.stringify(join(projectRoot, "dist/index.js"))}
        const settings = { enabled: true, arguments: false, mask: [], path: Option.none(), retention: Duration.days(1), maxSize: 1e9 }
        const record = Effect.flatMap(Audit.Audit, ({ record }) => record({ kind: "policy", outcome: "ok", detail: "embedded" }))
        await Effect.runPromise(Effect.provide(record, AuditTrail.layer({ settings, database: "audit.db" })))
      `
      const file = join(projectRoot, "dist", `embedding-${process.pid}.mjs`)
      writeFileSync(file, program)
      try {
        execFileSync(process.execPath, [file], { cwd: folder, timeout: 20_000 })
      } finally {
        execFileSync("rm", [file])
      }
      const environment = { cwd: folder, encoding: "utf8", env: { MCP_DATA_DIR: folder } } as const
      const { stdout } = spawnSync(process.execPath, [bundle, "audit", "--json"], environment)
      assert.deepInclude(linesOf(stdout)[0], { kind: "policy", detail: "embedded" })
    })
  )
})
