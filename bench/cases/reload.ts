/** One of fifty servers is changed while calls run: how soon is that seen, and is any call lost? */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import * as Load from "../load/Load.ts"
import * as Messages from "../load/Messages.ts"
import { sleep } from "../machine/Launch.ts"
import { cpu, cpuBetween } from "../machine/Usage.ts"
import { configPath, startOurs } from "../targets/ours.ts"
import { close, lanes, listOnce } from "../targets/Target.ts"
import type { Case, Context } from "./section.ts"

const SERVERS = 50
const PATIENCE_MILLIS = 30_000
const FRONT = { answers: "json", era: "legacy" } as const
const TITLE = `Reload with ${SERVERS} servers`

const servers = ({ programs }: Context, toolsOfLast: number) =>
  Object.fromEntries(
    Array.from({ length: SERVERS }, (_, index) => [
      `s${index}`,
      {
        command: process.execPath,
        args: [
          programs.path("server-stdio"),
          "--era",
          "legacy",
          "--tools",
          String(index === SERVERS - 1 ? toolsOfLast : 2)
        ],
        era: "legacy"
      }
    ])
  )

/** The processes of a process, but for the one that looks after them. */
const childrenOf = (pid: number): ReadonlySet<string> =>
  new Set(
    readdirSync("/proc").filter((name) => {
      if (!/^\d+$/u.test(name)) return false
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8")
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid
      } catch {
        return false
      }
    })
  )

const skipped = (reason: string) => ({
  section: {
    title: TITLE,
    about: "One server's configuration is changed while calls to another run.",
    columns: [],
    figures: [],
    skipped: reason
  },
  problems: []
})

export const reload: Case = {
  name: "reload",
  run: async (context) => {
    const running = await startOurs({
      mode: "shipped",
      servers: servers(context, 2),
      env: { MCP_LIVE_RELOAD: "true" },
      withoutMetrics: context.withoutMetrics
    })
    try {
      if (running.output().includes("MCP_LIVE_RELOAD is not used yet")) return skipped("this proxy does not reload yet")
      const all = await lanes(running, FRONT, 4, (address) => Messages.echo(address, 100, "s0_echo"))
      await Load.run(all, { total: 4000 })
      const before = childrenOf(running.pid)
      const reading = cpu(running.pid)
      const quiet = await Load.run(all, { millis: 2000 })
      const perCall = cpuBetween(reading, cpu(running.pid)) / quiet.answered
      const start = cpu(running.pid)
      const calls = Load.run(all, { millis: 5000 })
      await sleep(200)
      const changed = performance.now()
      writeFileSync(configPath(running.folder), JSON.stringify({ mcpServers: servers(context, 4) }))
      let seen: number | undefined
      while (seen === undefined && performance.now() - changed < PATIENCE_MILLIS && !running.launched.hasEnded()) {
        const body = await listOnce(running, FRONT)
        if (body.includes(`s${SERVERS - 1}_large`)) seen = performance.now() - changed
        else await sleep(25)
      }
      const { answered, failed, failures, latencies } = await calls
      const used = cpuBetween(start, cpu(running.pid))
      close(all)
      const after = childrenOf(running.pid)
      const kept = [...before].filter((pid) => after.has(pid)).length
      const problems = [
        ...(seen === undefined ? [`the change was not seen within ${PATIENCE_MILLIS / 1000} s`] : []),
        ...(failed > 0 ? [`${failed} calls failed: ${failures[0]}`] : []),
        ...(before.size - kept > 1
          ? [`${before.size - kept} processes of ${before.size} were ended for one change`]
          : [])
      ]
      return {
        section: {
          title: TITLE,
          about: `One server's configuration is changed while calls to another run at concurrency 4; the file is watched.`,
          columns: [
            "ms to the new list",
            "calls meanwhile",
            "failed",
            "p99 µs",
            "longest ms",
            "CPU ms",
            "processes kept"
          ],
          figures: [
            {
              target: "ours, as shipped",
              values: {
                "ms to the new list": seen ?? "never",
                "calls meanwhile": answered,
                failed: String(failed),
                "p99 µs": Load.quantile(latencies, 0.99),
                "longest ms": (latencies.at(-1) ?? Number.NaN) / 1000,
                "CPU ms": (used - perCall * answered) / 1000,
                "processes kept": `${kept} of ${before.size}`
              }
            }
          ]
        },
        problems: problems.map((problem) => `reload: ${problem}`)
      }
    } finally {
      await running.stop()
    }
  }
}
