/** tools/list of about 100 tools over 3, 10 and 50 servers, of which one never answers. */
import { writeFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { tmpdir } from "node:os"
import * as Messages from "../load/Messages.ts"
import { FIRST_ID } from "../load/Payload.ts"
import type { Figure } from "../report/Results.ts"
import { type OursOptions, startOurs } from "../targets/ours.ts"
import { accepts } from "../machine/Launch.ts"
import { serve } from "../targets/plain.ts"
import { listOnce, type Role, type Running } from "../targets/Target.ts"
import { type Effort, leave, measure } from "./calls.ts"
import { CALL_COLUMNS, callFigures, type Case, type Context } from "./section.ts"

const COUNTS = [3, 10, 50]
const TOOLS = 100
const CONCURRENCY = 16
const FRONT = { era: "legacy", answers: "json" } as const
// About as long as lists get cheaper, as it is with calls (cases/calls).
const EFFORT: Effort = { rounds: 7, millis: 400, warmMillis: 10_000 }

/** So many servers, the last of which hangs; the others share the tools. */
export const servers = ({ programs }: Pick<Context, "programs">, count: number): OursOptions["servers"] => {
  const each = Math.round(TOOLS / (count - 1))
  const entry = (more: ReadonlyArray<string>): object => ({
    command: process.execPath,
    args: [programs.path("server-stdio"), "--era", "legacy", ...more],
    era: "legacy"
  })
  const live = Array.from({ length: count - 1 }, (_, index) => [`s${index}`, entry(["--tools", String(each)])] as const)
  return Object.fromEntries([...live, ["hanging", entry(["--hang"])]])
}

/** The answer with a hole where the id was. */
const template = (body: Buffer, path: string): void => {
  const text = body.toString()
  const at = text.indexOf(`"id":${FIRST_ID}`)
  const id = at + '"id":'.length
  writeFileSync(path, `${text.slice(0, id)}@${text.slice(id + String(FIRST_ID).length)}`)
}

const one = async (context: Context, count: number) => {
  const { programs, withoutMetrics } = context
  // First lists wait for servers that may yet start; it is the later ones that are measured.
  const ours = { servers: servers(context, count), withoutMetrics, env: { MCP_LIST_WAIT: "500 ms" } }
  const shipped = await startOurs({ ...ours, mode: "shipped" })
  const file = join(tmpdir(), `mcp-bench-list-${process.pid}-${count}.json`)
  const body = await listOnce(shipped, FRONT)
  template(body, file)
  const early = (await shipped.evidence?.check(1, "tools/list")) ?? []
  const upstream = { ...FRONT, kind: "stdio", command: [], url: "" } as const
  const limit = await serve(upstream, (port) => ({ args: [programs.path("static"), String(port), file] }), {
    sessions: "none",
    isReady: ({ port }) => accepts(port)
  })
  const entrant = (name: string, role: Role, running: Running) => ({
    target: { name, role, takes: () => true, start: () => Promise.resolve(running) },
    running,
    fails: ""
  })
  const entrants = [
    entrant("limit: node:http, the same bytes", "limit", limit),
    entrant("ours, as shipped", "shipped", shipped)
  ]
  const size = { concurrency: CONCURRENCY, bytes: body.length }
  const { found, problems } = await measure(entrants, upstream, size, EFFORT, {
    prepare: (address) => Messages.request(address, "tools/list"),
    method: "tools/list"
  })
  await leave(entrants)
  rmSync(file)
  const label = (target: string): string => `${count} servers; ${target}`
  const figures: ReadonlyArray<Figure> = callFigures(found, label).map(({ target, values }) => ({
    target,
    values: { ...values, bytes: body.length }
  }))
  return { figures, problems: [...early, ...problems] }
}

export const lists: Case = {
  name: "tools/list",
  run: async (context) => {
    const figures: Array<Figure> = []
    const problems: Array<string> = []
    for (const count of COUNTS) {
      const found = await one(context, count)
      figures.push(...found.figures)
      problems.push(...found.problems.map((problem) => `tools/list of ${count} servers: ${problem}`))
    }
    return {
      section: {
        title: "tools/list, one server hanging",
        about: `About ${TOOLS} tools over 3, 10 and 50 stdio servers, the last of which never answers; legacy, concurrency ${CONCURRENCY}, after the first list. The limit is node:http that sends the same bytes.`,
        columns: [...CALL_COLUMNS, "bytes"],
        figures
      },
      problems
    }
  }
}
