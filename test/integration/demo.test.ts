/** `npm run demo`, as far as it is a program: what it prints, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { compileCache, eventually, freePort, projectRoot } from "./harness.ts"

interface Ended {
  readonly code: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

/** Runs the script that `npm run demo` runs after the build. `meanwhile` sees what it has printed so far. */
const demo = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  meanwhile: (printed: string, pid: number) => void = () => {}
): Effect.Effect<Ended, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port = yield* freePort
    const data = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-demo-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    return yield* Effect.callback<Ended>((resume) => {
      let [stdout, stderr] = ["", ""]
      const child = spawn(process.execPath, ["scripts/demo.ts", ...args], {
        cwd: projectRoot,
        env: {
          PATH: process.env["PATH"],
          HOME: data,
          ...compileCache,
          MCP_PORT: String(port),
          MCP_DATA_DIR: data,
          ...env
        },
        stdio: ["ignore", "pipe", "pipe"]
      })
      child.stdout.on("data", (chunk: Buffer) => {
        stdout += chunk.toString()
        meanwhile(stdout, child.pid ?? -1)
      })
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString()
      })
      child.on("close", (code, signal) => resume(Effect.succeed({ code: signal ?? code ?? -1, stdout, stderr })))
      return Effect.sync(() => child.kill("SIGKILL"))
    })
  })

const parentOf = (pid: number): number => {
  try {
    return Number(/^PPid:\s+(\d+)/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
  } catch {
    return 0
  }
}

/** Everything that a process has started, directly or not. */
const descendants = (ancestor: number): ReadonlyArray<number> => {
  const all = readdirSync("/proc").map(Number).filter(Number.isInteger)
  const children = all.filter((pid) => parentOf(pid) === ancestor)
  return [...children, ...children.flatMap(descendants)]
}

const STEPS = [
  /^discovery: /u,
  /^registration: /u,
  /^consent: allowed$/u,
  /^login: a code, /u,
  /^token: /u,
  /^tools\/list: 36 tools$/u,
  /^call everything_echo: .*Echo: hello/u,
  /^refresh: /u,
  /^revoke: /u
]

const stepsOf = (stdout: string): ReadonlyArray<string> =>
  [...stdout.matchAll(/^ {2}✓ (.*)$/gmu)].map(([, step = ""]) => step)

const assertSteps = (found: ReadonlyArray<string>, expected: ReadonlyArray<RegExp>): void => {
  assert.strictEqual(found.length, expected.length, found.join("\n"))
  for (const [index, pattern] of expected.entries()) assert.match(found[index] ?? "", pattern)
}

describe("the demo's walk", () => {
  it.live("goes through all of sign-in, one line each, and ends well", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* demo(["--walk"])
      assertSteps(stepsOf(stdout), STEPS)
      assert.strictEqual(code, 0)
      assert.include(stderr, "demo-person@demo.invalid signed in")
    }).pipe(Effect.scoped)
  )

  it.live("goes through the real code for Google, against a stand-in", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* demo(["--walk", "--google"], { MCP_LOG_LEVEL: "DEBUG" })
      assertSteps(stepsOf(stdout), [/^Google: a stand-in at http:\/\/127\.0\.0\.1:\d+$/u, ...STEPS])
      assert.strictEqual(code, 0)
      for (const said of [
        "Google: code exchange: answered 200",
        "Google: recheck: answered 200",
        "ann@example.com signed in"
      ]) {
        assert.include(stderr, said)
      }
    }).pipe(Effect.scoped)
  )

  for (const args of [["--walk"], ["--walk", "--google"]]) {
    it.live(`ends with 1 where a step fails (${args.join(" ")})`, () =>
      Effect.gen(function* () {
        // Whoever has signed in may not ask twice.
        const { code, stderr, stdout } = yield* demo(args, { MCP_RATE_LIMIT: "1", MCP_RATE_BURST: "1" })
        assert.include(stdout, "✓ token")
        assert.notInclude(stdout, "✓ call")
        assert.include(stderr, "HTTP 429")
        assert.strictEqual(code, 1)
      }).pipe(Effect.scoped)
    )
  }

  it.live("is all that there is of Google", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* demo(["--google"])
      assert.include(stderr, "--google goes with --walk")
      assert.strictEqual(code, 1)
    }).pipe(Effect.scoped)
  )
})

describe("the demo", () => {
  it.live("ends on Ctrl-C with everything that it started", () =>
    Effect.gen(function* () {
      let started: ReadonlyArray<number> = []
      const { code, stdout } = yield* demo([], {}, (printed, pid) => {
        if (started.length > 0 || !printed.includes("3 of 3 servers are ready")) return
        started = descendants(pid)
        process.kill(pid, "SIGINT")
      })
      assert.include(stdout, "Stop it with Ctrl-C")
      assert.isAtLeast(started.length, 3)
      assert.strictEqual(code, 0)
      yield* eventually("all of them have ended", () => started.every((pid) => !existsSync(`/proc/${pid}`)))
    }).pipe(Effect.scoped)
  )
})
