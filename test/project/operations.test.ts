/** docs/operations.md: what is to be copied from it is well formed, and says what the program and its settings say. */
import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { groups } from "../../src/cli/AllSettings.ts"

const root = resolve(import.meta.dirname, "../..")
const text = readFileSync(join(root, "docs/operations.md"), "utf8")

const blocks = (language: string): ReadonlyArray<string> =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gmu"))].map(([, block = ""]) => block)

const [socket = "", service = ""] = blocks("ini")
const [manifest = ""] = blocks("yaml")

const SECTIONS = new Set(["Unit", "Socket", "Service", "Install"])

/** What is no section, no assignment and no comment of a unit file (systemd.syntax(7)). */
const malformed = (unit: string): ReadonlyArray<string> =>
  unit.split("\n").filter((line) => {
    const [, section] = /^\[(\w+)\]$/u.exec(line) ?? []
    if (section !== undefined) return !SECTIONS.has(section)
    return line !== "" && !line.startsWith("#") && !/^[A-Z][A-Za-z]+=\S/u.test(line)
  })

const valueIn = (unit: string, key: string): string => new RegExp(`^${key}=(.*)$`, "mu").exec(unit)?.[1] ?? ""

/** Seconds of a duration as the documents write it. */
const seconds = (value: string): number => Number(/^(\d+) ?s?$/u.exec(value)?.[1] ?? Number.NaN)

const fallback = (name: string): number => {
  const all = Object.values(groups).flatMap((group): ReadonlyArray<{ name: string; fallback: string }> =>
    Object.values(group)
  )
  return seconds(all.find((setting) => setting.name === name)?.fallback ?? "")
}

const envOf = (name: string): string =>
  new RegExp(`- name: ${name}\\n\\s+value: "?([^"\\n]+)"?$`, "mu").exec(manifest)?.[1] ?? ""

const numberIn = (key: string): number => Number(new RegExp(`^\\s*${key}: (\\d+)$`, "mu").exec(manifest)?.[1])

describe("the systemd units", () => {
  it("are well formed, and a line that is not is seen", () => {
    assert.deepStrictEqual([malformed(socket), malformed(service)], [[], []])
    for (const line of ["[Sockets]", "ListenStream 8080", "listenstream=8080"]) {
      assert.deepStrictEqual(malformed(`${socket}${line}\n`), [line])
    }
  })

  it("belong together: the socket comes first, and its name is the service's", () => {
    assert.strictEqual(valueIn(service, "Requires"), "mcp-proxy.socket")
    assert.include(valueIn(service, "After"), "mcp-proxy.socket")
    assert.match(valueIn(socket, "ListenStream"), /^127\.0\.0\.1:\d+$/u)
    assert.strictEqual(valueIn(socket, "Accept"), "", "one process takes all connections")
  })

  it("send SIGTERM to the proxy alone, and give it the time that it may take", () => {
    assert.strictEqual(valueIn(service, "KillMode"), "mixed")
    const needed = fallback("MCP_SHUTDOWN_DELAY") + fallback("MCP_SHUTDOWN_GRACE") + 10
    assert.isAtLeast(Number(valueIn(service, "TimeoutStopSec")), needed)
  })

  it.skipIf(!existsSync("/usr/bin/systemd-analyze"))("pass systemd's own check", () => {
    const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-units-"))
    try {
      // What a machine has to have besides: a user, and the program.
      const here = service.replace(/^(?:User|WorkingDirectory)=.*\n/gmu, "").replace("/usr/bin/node", process.execPath)
      writeFileSync(join(folder, "mcp-proxy.socket"), socket)
      writeFileSync(join(folder, "mcp-proxy.service"), here)
      const options = { encoding: "utf8", env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` } } as const
      const verify = (unit: string) => spawnSync("systemd-analyze", ["verify", "--man=no", join(folder, unit)], options)
      const complaints = (output: string): ReadonlyArray<string> =>
        output.split("\n").filter((line) => line.includes(folder) || line.startsWith("mcp-proxy"))
      assert.deepStrictEqual(complaints(verify("mcp-proxy.service").stderr), [])
      assert.deepStrictEqual(complaints(verify("mcp-proxy.socket").stderr), [])
      writeFileSync(join(folder, "mcp-proxy.service"), here.replace("KillMode=mixed", "KillMode=most"))
      assert.match(verify("mcp-proxy.service").stderr, /kill mode/u)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe("the Kubernetes manifest", () => {
  it("gives the proxy the time that it may take, and the probe the time to notice", () => {
    const delay = seconds(envOf("MCP_SHUTDOWN_DELAY"))
    const grace = seconds(envOf("MCP_SHUTDOWN_GRACE"))
    assert.isAtLeast(numberIn("terminationGracePeriodSeconds"), delay + grace + 10)
    assert.isAbove(delay, numberIn("periodSeconds") * numberIn("failureThreshold"), "of the readiness probe")
  })

  it("asks what the proxy answers", () => {
    assert.match(manifest, /readinessProbe:\n\s+httpGet:\n\s+path: \/ready\n/u)
    assert.match(manifest, /livenessProbe:\n\s+httpGet:\n\s+path: \/health\n/u)
    assert.notInclude(manifest, "preStop")
  })
})

describe("what is said", () => {
  it("names settings and files that there are", () => {
    const known = new Set(
      Object.values(groups).flatMap((group) => Object.values(group).map(({ name }: { name: string }) => name))
    )
    const named = new Set(text.match(/\bMCP_[A-Z_]+\b/gu))
    assert.deepStrictEqual(
      [...named].filter((name) => !known.has(name)),
      []
    )
    const files = [...text.matchAll(/`(test\/[\w/.-]+)`/gu)].map(([, file = ""]) => file)
    assert.isAbove(files.length, 5)
    assert.deepStrictEqual(
      files.filter((file) => !existsSync(join(root, file))),
      []
    )
  })
})
