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
import { MAX_LENGTH } from "../test/fuzz/mutate.ts"
import { targets } from "../test/fuzz/targets.ts"

/** Inputs of one target in a turn. */
const TURN = 10_000

/** How long one input may stand still before it counts as a hang. */
const HANG_MILLIS = 20_000

type Report =
  | { readonly _tag: "Turn"; readonly target: string }
  | { readonly _tag: "Failed"; readonly failure: Failure }
  | { readonly _tag: "Done" }

interface Task {
  readonly names: ReadonlyArray<string>
  readonly seed: number
  readonly until: number
  /** What is being tried: how many inputs so far, the length of this one, and itself. Written without a word. */
  readonly desk: SharedArrayBuffer
}

const HEADER = 2 * Int32Array.BYTES_PER_ELEMENT

const readDesk = (desk: SharedArrayBuffer) => {
  const [count = 0, length = 0] = new Int32Array(desk, 0, 2)
  return { count, input: Uint8Array.from(new Uint8Array(desk, HEADER, length)) }
}

const collector = (globalThis as { readonly gc?: () => void }).gc

const work = async ({ desk, names, seed, until }: Task): Promise<void> => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A thread's, not a window's.
  const say = (report: Report): void => parentPort?.postMessage(report)
  const counters = new Int32Array(desk, 0, 2)
  const bytes = new Uint8Array(desk, HEADER)
  const begun = (input: Uint8Array): void => {
    bytes.set(input)
    counters[1] = input.length
    Atomics.add(counters, 0, 1)
  }
  const chosen = targets.filter(({ name }) => names.includes(name))
  for (let turn = 0; Date.now() < until; turn++) {
    for (const target of chosen) {
      if (Date.now() >= until) break
      say({ _tag: "Turn", target: target.name })
      const failure = await run(target, { seed: seed + turn, count: TURN, begun, collect: collector })
      if (failure !== undefined) return say({ _tag: "Failed", failure })
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
    let target = ""
    let last = { count: 0, since: Date.now() }
    const worker = new Worker(new URL(import.meta.url), { workerData: task })
    const end = async (failure: Failure | undefined): Promise<void> => {
      clearInterval(watch)
      if (failure !== undefined) complain(failure)
      await worker.terminate()
      resolve({ count: readDesk(task.desk).count, failures: failure === undefined ? 0 : 1 })
    }
    const watch = setInterval(() => {
      const { count, input } = readDesk(task.desk)
      if (count !== last.count) last = { count, since: Date.now() }
      else if (Date.now() - last.since >= HANG_MILLIS) {
        void end({ target, input, reason: `it has not come to an end after ${HANG_MILLIS / 1000} s` })
      }
    }, 1000)
    worker.on("message", (report: Report) => {
      if (report._tag === "Turn") target = report.target
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
  const { count, failures } = await supervise({
    names: chosen.map(({ name }) => name),
    seed,
    until,
    desk: new SharedArrayBuffer(HEADER + MAX_LENGTH)
  })
  console.log(`fuzz: ${chosen.length} targets, ${count} inputs, ${failures} failures`)
  return failures === 0 ? 0 : 1
}

if (isMainThread) process.exitCode = await main()
else await work(workerData as Task)
