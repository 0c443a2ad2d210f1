/** What a process has used, as Linux counts it: the process with its threads, without its children. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"

const read = (pid: number, name: string): string => readFileSync(`/proc/${pid}/${name}`, "utf8")

/** The clock ticks of /proc/…/stat, in microseconds (USER_HZ is 100 on every Linux). */
const TICK_MICROS = 10_000

/** User and system time by /proc/…/stat: exact over time, in steps of 10 ms. Microseconds. */
export const cpuTicks = (pid: number): number => {
  const stat = read(pid, "stat")
  // The command's name may hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS
}

/** The time that each thread has run, in nanoseconds. */
const threads = (pid: number): ReadonlyMap<string, number> =>
  new Map(
    readdirSync(`/proc/${pid}/task`).map((task) => [task, Number(read(pid, `task/${task}/schedstat`).split(" ")[0])])
  )

/** The processor time of a process at a moment. */
export interface CpuReading {
  readonly ticks: number
  readonly threads: ReadonlyMap<string, number> | undefined
}

export const cpu = (pid: number): CpuReading => {
  const ticks = cpuTicks(pid)
  try {
    return { ticks, threads: threads(pid) }
  } catch {
    return { ticks, threads: undefined }
  }
}

/**
 * Microseconds between two readings. By the threads' own clocks, to the nanosecond; where a thread has ended meanwhile, or
 * the kernel keeps no such clocks, by the process's, in steps of 10 ms.
 */
export const cpuBetween = (before: CpuReading, after: CpuReading): number => {
  if (before.threads === undefined || after.threads === undefined) return after.ticks - before.ticks
  for (const task of before.threads.keys()) if (!after.threads.has(task)) return after.ticks - before.ticks
  let nanos = 0
  for (const [task, ran] of after.threads) nanos += ran - (before.threads.get(task) ?? 0)
  return nanos / 1000
}

/** Microseconds between two readings by what the threads are called; the main one is `main`. */
export const byThread = (pid: number, before: CpuReading, after: CpuReading): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  for (const [task, ran] of after.threads ?? []) {
    const name = task === String(pid) ? "main" : read(pid, `task/${task}/comm`).trim()
    found.set(name, (found.get(name) ?? 0) + (ran - (before.threads?.get(task) ?? 0)) / 1000)
  }
  return found
}

/** Megabytes (10^6 bytes). */
export interface Memory {
  /** Pages in memory, shared ones too. */
  readonly resident: number
  /** The same, shared pages by the process's share of them. */
  readonly proportional: number
}

const kilobytes = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "mu").exec(text)?.[1] ?? Number.NaN)

const MB_OF_KB = 1024 / 1_000_000

export const memory = (pid: number): Memory => ({
  resident: kilobytes(read(pid, "status"), "VmRSS") * MB_OF_KB,
  proportional: kilobytes(read(pid, "smaps_rollup"), "Pss") * MB_OF_KB
})

/** Forgets the highest point so far, so that `peak` tells of what comes. */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, "5")

/** The most that was resident since `forgetPeak`; megabytes. */
export const peak = (pid: number): number => kilobytes(read(pid, "status"), "VmHWM") * MB_OF_KB
