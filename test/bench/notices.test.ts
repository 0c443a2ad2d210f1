/** The benchmark notices what it is there to notice: wrong answers, calls that left no trace, and wasted time. */
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { measure } from "../../bench/cases/calls.ts"
import { Connection } from "../../bench/load/Connection.ts"
import * as Load from "../../bench/load/Load.ts"
import * as Messages from "../../bench/load/Messages.ts"
import { accepts, freePort, launch } from "../../bench/machine/Launch.ts"
import { cpu, cpuBetween, memory } from "../../bench/machine/Usage.ts"
import { overLimit } from "../../bench/report/LastLine.ts"
import { gather, NO_METRICS } from "../../bench/targets/evidence.ts"
import type { Role, Running, Upstream } from "../../bench/targets/Target.ts"

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)))

const FRONT = { era: "modern", answers: "json" } as const

/** What the load client makes of a server that answers so: how many failures, and the first. */
const calls = async (
  answer: (id: number, text: string) => string,
  prepare: (address: Messages.Address) => Messages.Prepared = (address) => Messages.echo(address, 200)
) => {
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { id, params } = JSON.parse(body) as { id: number; params: { arguments: { message: string } } }
      response.end(answer(id, params.arguments.message))
    })
  })
  const port = await listen(server)
  const connection = await Connection.open("127.0.0.1", port)
  const address = { host: "127.0.0.1", port, path: "/mcp", headers: {}, ...FRONT }
  try {
    return await Load.run([{ connection, requests: [prepare(address)] }], { total: 3 })
  } finally {
    connection.close()
    server.close()
  }
}

const result = (id: number, text: string, more = {}) =>
  JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], ...more } })

describe("the load client", () => {
  it("is content with the answer to its request", async () => {
    const { answered, failed } = await calls((id, text) => result(id, text))
    assert.deepStrictEqual([answered, failed], [3, 0])
  })

  it("takes no other payload, nor part of one", async () => {
    const { failed, failures } = await calls((id, text) => result(id, `${text.slice(0, -5)}?${text.slice(-4)}`))
    assert.strictEqual(failed, 3)
    assert.match(failures[0] ?? "", /another payload/u)
    assert.strictEqual((await calls((id, text) => result(id, text.slice(0, 50)))).failed, 3)
  })

  it("takes no answer to another request", async () => {
    const { failed, failures } = await calls((id, text) => result(id + 1, text))
    assert.strictEqual(failed, 3)
    assert.match(failures[0] ?? "", /not the answer to/u)
  })

  it("takes no error for an answer", async () => {
    assert.strictEqual((await calls((id, text) => result(id, text, { isError: true }))).failed, 3)
    const failure = (id: number) => JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32603, message: "no" } })
    assert.strictEqual((await calls(failure)).failed, 3)
    assert.strictEqual((await calls(failure, (address) => Messages.call(address, "sink", {}))).failed, 3)
  })

  it("counts the progress that it is told", async () => {
    const prepare = (address: Messages.Address) => Messages.call(address, "chatty", { steps: 2 }, 2)
    const { failed, failures } = await calls((id) => result(id, "done"), prepare)
    assert.strictEqual(failed, 3)
    assert.match(failures[0] ?? "", /0 of 2 progress notifications/u)
  })
})

interface Pretence {
  readonly takesStrangers?: boolean
  readonly forbids?: boolean
  readonly metrics?: () => string
}

/** Something that has a trail and a counter as the proxy has them, and is as careless as it is told to be. */
const pretend = async ({ forbids = true, metrics, takesStrangers = false }: Pretence) => {
  const folder = mkdtempSync(join(tmpdir(), "mcp-bench-test-"))
  const path = join(folder, "audit.db")
  const database = new DatabaseSync(path)
  database.exec("CREATE TABLE records (id INTEGER PRIMARY KEY, subject TEXT, record TEXT NOT NULL)")
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      if (request.url === "/ready") response.end(JSON.stringify({ audit: { waiting: 0, lost: 0, fault: null } }))
      else if (request.url === "/metrics") {
        if (metrics === undefined) response.writeHead(404)
        response.end(metrics?.())
      } else if (request.headers.authorization === undefined && !takesStrangers) response.writeHead(401).end()
      else if (body.includes("tools/call") && forbids) response.end('{"error":{}}')
      else response.end('{"result":{"tools":[{"name":"echo"}]}}')
    })
  })
  const port = await listen(server)
  const running: Running = {
    pid: process.pid,
    port,
    path: "/mcp",
    headers: { authorization: "Bearer x" },
    sessions: "each",
    signal: () => {},
    output: () => "",
    stop: () => Promise.resolve()
  }
  const record = (more: object, subject: string | null = "ada") =>
    database
      .prepare("INSERT INTO records (subject, record) VALUES (?, ?)")
      .run(subject, JSON.stringify({ kind: "call", method: "tools/call", outcome: "ok", ...more }))
  return {
    gather: (withoutMetrics = false) => gather(running, path, { era: "modern", withoutMetrics }),
    record,
    close: () => {
      server.close()
      server.closeAllConnections()
      database.close()
      rmSync(folder, { recursive: true })
    }
  }
}

const series = (outcome: string, count: number) =>
  `# TYPE mcp_proxy_calls_total counter\nmcp_proxy_calls_total{server="",method="tools/list",tool="",outcome="ok"} 7\nmcp_proxy_calls_total{server="echo",method="tools/call",tool="echo",outcome="${outcome}"} ${count}\n`

describe("the evidence that a call went through all that is shipped", () => {
  it("is complete where each call has a row and is counted", async () => {
    let count = 0
    const proxy = await pretend({ metrics: () => series("ok", count) })
    try {
      const { check } = await proxy.gather()
      for (let call = 0; call < 3; call++) proxy.record({})
      count = 3
      assert.deepStrictEqual(await check(3), [])
      assert.deepStrictEqual(await check(0), [])
    } finally {
      proxy.close()
    }
  })

  it("misses a row, also one of nobody, of another outcome or of another method", async () => {
    const proxy = await pretend({ metrics: () => series("ok", 0) })
    try {
      const { check } = await proxy.gather()
      proxy.record({}, null)
      proxy.record({ outcome: "denied" })
      proxy.record({ method: "tools/list" })
      proxy.record({})
      const [problem = ""] = await check(2)
      assert.strictEqual(problem, "audit: 1 rows of 2 tools/call")
    } finally {
      proxy.close()
    }
  })

  it("misses a count, and a counter", async () => {
    let text = series("ok", 5)
    const proxy = await pretend({ metrics: () => text })
    try {
      const { check } = await proxy.gather()
      proxy.record({})
      text = series("denied", 1) + series("ok", 5)
      assert.deepStrictEqual(await check(1), ["metrics: mcp_proxy_calls_total rose by 0 with 1 tools/call"])
    } finally {
      proxy.close()
    }
    const bare = await pretend({})
    try {
      assert.deepStrictEqual(await (await bare.gather()).check(0), [NO_METRICS])
      assert.deepStrictEqual(await (await bare.gather(true)).check(0), [])
    } finally {
      bare.close()
    }
  })

  it("is not begun where strangers are served, or the policy is not kept", async () => {
    for (const [careless, said] of [
      [{ takesStrangers: true }, /sign-in/u],
      [{ forbids: false }, /policy/u]
    ] as const) {
      const proxy = await pretend(careless)
      try {
        const outcome = await proxy.gather().then(
          () => "it was begun",
          (error: Error) => error.message
        )
        assert.match(outcome, said)
      } finally {
        proxy.close()
      }
    }
  })
})

/** Echoes what the load client sends, after so many microseconds of processor time on nothing useful. */
const BURNER = `
const [port, micros] = process.argv.slice(2).map(Number)
require("node:http").createServer((request, response) => {
  let body = ""
  request.on("data", (chunk) => (body += chunk))
  request.on("end", () => {
    const { id, params } = JSON.parse(body)
    const { system, user } = process.cpuUsage()
    const until = system + user + micros
    for (let now = 0; now < until; ) {
      const { system, user } = process.cpuUsage()
      now = system + user
    }
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text: params.arguments.message }] } }))
  })
}).listen(port, "127.0.0.1")
`

describe("what a process uses", () => {
  it("is its own time and memory", async () => {
    const before = cpu(process.pid)
    const { user } = process.cpuUsage()
    while (process.cpuUsage().user - user < 50_000);
    assert.isAtLeast(cpuBetween(before, cpu(process.pid)), 40_000)
    const { proportional, resident } = memory(process.pid)
    assert.isAbove(resident, 10)
    assert.isAtMost(proportional, resident)
  })

  it("raises the ratio when it is wasted, by as much", { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "mcp-bench-test-"))
    const script = join(folder, "burner.cjs")
    writeFileSync(script, BURNER)
    const upstream: Upstream = { ...FRONT, kind: "http", command: [], url: "" }
    const entrant = async (role: Role, micros: number) => {
      const port = await freePort()
      const launched = launch(process.execPath, [script, String(port), String(micros)])
      await accepts(port)
      const running: Running = { ...launched, port, path: "/mcp", headers: {}, sessions: "none" }
      return {
        target: { name: role, role, takes: () => true, start: () => Promise.resolve(running) },
        running,
        fails: ""
      }
    }
    const entrants = await Promise.all([entrant("limit", 2000), entrant("bare", 2000), entrant("shipped", 8000)])
    try {
      const effort = { rounds: 5, millis: 150, warmMillis: 100 }
      const { found, problems } = await measure(entrants, upstream, { concurrency: 2, bytes: 100 }, effort)
      assert.deepStrictEqual(problems, [])
      const [bare, shipped] = [overLimit(found, "bare")?.value ?? 0, overLimit(found)?.value ?? 0]
      assert.closeTo(bare, 1, 0.4)
      assert.closeTo(shipped, 4, 1)
    } finally {
      for (const { running } of entrants) await running.stop()
      rmSync(folder, { recursive: true })
    }
  })
})
