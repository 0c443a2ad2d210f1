/**
 * Fuzzes everything that parses bytes from outside, for as long as it is told.
 *
 *     npm run fuzz -- [--seconds 60] [--seed N] [--target NAME] [--input BASE64]
 *
 * The targets take turns in a thread of their own; one that hangs is found by its standing still. With an input only that
 * is tried.
 */
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { type Failure, once, run } from "../test/fuzz/engine.ts"
import { targets } from "../test/fuzz/targets.ts"

/** Inputs of one target in a turn. */
const TURN = 2000

/** How long one input may stand still before it counts as a hang. */
const HANG_MILLIS = 20_000

type Report =
  | { readonly _tag: "Begun"; readonly target: string; readonly input: Uint8Array }
  | { readonly _tag: "Turn"; readonly count: number }
  | { readonly _tag: "Failed"; readonly failure: Failure }
  | { readonly _tag: "Done" }

interface Task {
  readonly names: ReadonlyArray<string>
  readonly seed: number
  readonly until: number
}

const collector = (globalThis as { readonly gc?: () => void }).gc

const work = async ({ names, seed, until }: Task): Promise<void> => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread's, not a window's.
  const say = (report: Report): void => parentPort?.postMessage(report)
  const chosen = targets.filter(({ name }) => names.includes(name))
  for (let turn = 0; Date.now() < until; turn++) {
    for (const target of chosen) {
      if (Date.now() >= until) break
      const failure = await run(target, {
        seed: seed + turn,
        count: TURN,
        begun: (input) => say({ _tag: "Begun", target: target.name, input }),
        collect: collector
      })
      if (failure !== undefined) return say({ _tag: "Failed", failure })
      say({ _tag: "Turn", count: TURN })
    }
  }
  say({ _tag: "Done" })
}

const complain = ({ input, reason, target }: Failure): void => {
  const encoded = Buffer.from(input).toString("base64")
  console.log(`${target}: ${reason}`)
  console.log(`again: npm run fuzz -- --target ${JSON.stringify(target)} --input ${encoded}`)
}

const supervise = (task: Task): Promise<{ readonly count: number; readonly failures: number }> =>
  new Promise((resolve, reject) => {
    let count = 0
    let current: { readonly target: string; readonly input: Uint8Array; readonly since: number } | undefined
    const worker = new Worker(new URL(import.meta.url), { workerData: task })
    const end = async (failure: Failure | undefined): Promise<void> => {
      clearInterval(watch)
      if (failure !== undefined) complain(failure)
      await worker.terminate()
      resolve({ count, failures: failure === undefined ? 0 : 1 })
    }
    const watch = setInterval(() => {
      if (current === undefined || Date.now() - current.since < HANG_MILLIS) return
      void end({ ...current, reason: `it has not come to an end after ${HANG_MILLIS / 1000} s` })
    }, 1000)
    worker.on("message", (report: Report) => {
      if (report._tag === "Begun") current = { target: report.target, input: report.input, since: Date.now() }
      else if (report._tag === "Turn") count += report.count
      else void end(report._tag === "Failed" ? report.failure : undefined)
    })
    worker.on("error", reject)
  })

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      target: { type: "string" },
      input: { type: "string" }
    }
  })
  const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target)
  if (chosen.length === 0 || (values.input !== undefined && chosen.length > 1)) {
    console.error(`--target is one of: ${targets.map(({ name }) => JSON.stringify(name)).join(", ")}`)
    return 2
  }
  const [only] = chosen
  if (values.input !== undefined && only !== undefined) {
    const failure = await once(only, Buffer.from(values.input, "base64"))
    if (failure !== undefined) complain(failure)
    console.log(`fuzz: 1 target, 1 input, ${failure === undefined ? 0 : 1} failures`)
    return failure === undefined ? 0 : 1
  }
  const seed = Number(values.seed)
  console.log(`seed ${seed}`)
  const until = Date.now() + Number(values.seconds) * 1000
  const { count, failures } = await supervise({ names: chosen.map(({ name }) => name), seed, until })
  console.log(`fuzz: ${chosen.length} targets, ${count} inputs, ${failures} failures`)
  return failures === 0 ? 0 : 1
}

if (isMainThread) process.exitCode = await main()
else await work(workerData as Task)
