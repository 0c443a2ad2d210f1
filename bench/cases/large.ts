/** Messages near the size limit, one and eight at once: how much memory do they take beside their own bytes? */
import * as Load from "../load/Load.ts"
import * as Messages from "../load/Messages.ts"
import { sleep } from "../machine/Launch.ts"
import { forgetPeak, memory, peak } from "../machine/Usage.ts"
import type { Figure } from "../report/Results.ts"
import { figure } from "../report/Tables.ts"
import { ours } from "../targets/ours.ts"
import { plain } from "../targets/plain.ts"
import { close, lanes, type Target, type Upstream } from "../targets/Target.ts"
import { scene } from "./calls.ts"
import type { Case } from "./section.ts"

/** 64 MiB less room for the envelope. */
const BYTES = 64 * 1024 * 1024 - 4096
const COUNTS = [1, 8]
const SETTLE_MILLIS = 1000

type Direction = "answers" | "requests"

const prepare = (direction: Direction) => (address: Messages.Address) =>
  direction === "answers"
    ? Messages.call(address, "large", { bytes: BYTES })
    : Messages.call(address, "sink", { message: "x".repeat(BYTES) })

const one = async (target: Target, upstream: Upstream, direction: Direction, count: number) => {
  const running = await target.start(upstream)
  try {
    const small = await lanes(running, upstream, 4, (address) => Messages.echo(address, 1000))
    await Load.run(small, { total: 500 })
    close(small)
    await sleep(SETTLE_MILLIS)
    const { resident } = memory(running.pid)
    const all = await lanes(running, upstream, count, prepare(direction))
    forgetPeak(running.pid)
    const { failed, failures, seconds } = await Load.run(all, { total: count })
    const highest = peak(running.pid)
    close(all)
    const inFlight = (count * BYTES) / 1e6
    return {
      values: {
        "bytes in flight, MB": inFlight,
        "peak − idle, MB": highest - resident,
        "of the bytes": (highest - resident) / inFlight,
        seconds,
        failed: String(failed)
      },
      problems: failed === 0 ? [] : [`${failed} of ${count} failed: ${failures[0]?.slice(0, 300)}`]
    }
  } finally {
    await running.stop()
  }
}

export const large: Case = {
  name: "large messages",
  run: async ({ programs, say, withoutMetrics }) => {
    const figures: Array<Figure> = []
    const problems: Array<string> = []
    const targets = [...plain(programs).filter(({ role }) => role === "limit"), ours("shipped", { withoutMetrics })]
    for (const kind of ["stdio", "http"] as const) {
      const { stop, upstream } = await scene(programs, kind, "json", "legacy")
      for (const direction of ["answers", "requests"] as const) {
        for (const count of COUNTS) {
          for (const target of targets.filter((one) => one.takes(upstream))) {
            const name = `${kind}, ${count} ${direction}; ${target.name}`
            try {
              const found = await one(target, upstream, direction, count)
              figures.push({ target: name, values: found.values })
              say(
                `${name}: peak − idle ${figure(found.values["of the bytes"])} of the bytes in flight, ${figure(found.values.seconds)} s`
              )
              if (target.role === "shipped") problems.push(...found.problems.map((problem) => `${name}: ${problem}`))
            } catch (error) {
              figures.push({ target: name, values: { "bytes in flight, MB": "fails" } })
              problems.push(`${name}: ${(error as Error).message.slice(0, 300)}`)
            }
          }
        }
      }
      await stop()
    }
    return {
      section: {
        title: "Messages near the size limit",
        about: `Answers, or requests, of 64 MiB each, so many at once; the highest resident memory during that, less what was resident before.`,
        columns: ["bytes in flight, MB", "peak − idle, MB", "of the bytes", "seconds", "failed"],
        figures
      },
      problems
    }
  }
}
