/** `npm run bench -- --profile "stdio 16x100"`: where the proxy's processor time goes while it is called. */
import { readFileSync } from "node:fs"
import { SourceMap, type SourceMapPayload } from "node:module"
import type { Programs } from "./build.ts"
import { scene } from "./cases/calls.ts"
import * as Load from "./load/Load.ts"
import * as Messages from "./load/Messages.ts"
import { option, profileOf } from "./machine/Inspector.ts"
import { freePort, sleep } from "./machine/Launch.ts"
import { byThread, cpu } from "./machine/Usage.ts"
import { KINDS, SIZES } from "./report/LastLine.ts"
import * as Profile from "./report/Profile.ts"
import { BUNDLE, ours } from "./targets/ours.ts"
import { close, lanes } from "./targets/Target.ts"

const WARM_CALLS = 40_000
const MILLIS = 8000
const INTERVAL_MICROS = 250
const SHOWN = 40

/** "stdio 16x100": of which server, how many at once, how large. */
const parse = (wanted: string) => {
  const [, kind, concurrency, label] = /^(\w+) (\d+)x(\w+)$/u.exec(wanted) ?? []
  const size = SIZES.find((one) => one.label === label)
  const known = KINDS.find((one) => one === kind)
  if (known === undefined || size === undefined) {
    const names = KINDS.flatMap((one) => SIZES.map((two) => `"${one} 16x${two.label}"`))
    throw new Error(`--profile: expected one such as ${names.join(", ")}`)
  }
  return { kind: known, concurrency: Number(concurrency), bytes: size.bytes }
}

/** Calls the proxy as shipped under V8's sampling profiler, and says what was seen. */
export const profile = async (programs: Programs, wanted: string, say: (line: string) => void): Promise<number> => {
  const { bytes, concurrency, kind } = parse(wanted)
  const { stop, upstream } = await scene(programs, kind, "json", "legacy")
  const port = await freePort()
  const running = await ours("shipped", { nodeOptions: [option(port)], withoutMetrics: true }).start(upstream)
  try {
    const all = await lanes(running, upstream, concurrency, (address) => Messages.echo(address, bytes))
    await Load.run(all, { total: WARM_CALLS })
    const before = cpu(running.pid)
    let answered = 0
    const taken = await profileOf(port, INTERVAL_MICROS, async () => {
      const measured = await Load.run(all, { millis: MILLIS })
      if (measured.failed > 0) throw new Error(measured.failures[0])
      answered = measured.answered
    })
    await sleep(250)
    const threads = byThread(running.pid, before, cpu(running.pid))
    close(all)
    const map = new SourceMap(JSON.parse(readFileSync(`${BUNDLE}.map`, "utf8")) as SourceMapPayload)
    const spent = Profile.spent([taken as Profile.CpuProfile], (line, column) => {
      const entry = map.findEntry(line, column)
      return "originalSource" in entry ? entry.originalSource : undefined
    })
    say(`${wanted}, as shipped: ${answered} calls under the profiler after ${WARM_CALLS} to warm up\n`)
    say(`Threads: ${Profile.shares(threads)}. The tables are of the main one.\n`)
    say(Profile.table(spent, SHOWN))
    return 0
  } finally {
    await running.stop()
    await stop()
  }
}
