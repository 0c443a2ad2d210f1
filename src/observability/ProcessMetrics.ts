/** How the process itself is doing. What every program reports bears the names that Prometheus gives it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readdirSync } from "node:fs"
import { type ELDHistogram, monitorEventLoopDelay } from "node:perf_hooks"
import { expose, type Family, type Sample } from "./Metrics.ts"
import { COMMIT, VERSION } from "./Version.ts"

export const families = {
  build: {
    name: "mcp_proxy_build_info",
    help: "Which build this is, in its labels; always 1.",
    type: "gauge",
    labels: ["version", "commit", "node"]
  },
  started: {
    name: "process_start_time_seconds",
    help: "When the process began, in seconds since the epoch.",
    type: "gauge",
    labels: []
  },
  cpu: {
    name: "process_cpu_seconds_total",
    help: "CPU time that the process has used, of users and system together.",
    type: "counter",
    labels: []
  },
  resident: {
    name: "process_resident_memory_bytes",
    help: "Memory of the process that is resident.",
    type: "gauge",
    labels: []
  },
  heap: {
    name: "mcp_proxy_heap_used_bytes",
    help: "Memory that JavaScript objects take.",
    type: "gauge",
    labels: []
  },
  external: {
    name: "mcp_proxy_external_memory_bytes",
    help: "Memory outside the JavaScript heap that its objects hold, such as message bodies.",
    type: "gauge",
    labels: []
  },
  descriptors: {
    name: "process_open_fds",
    help: "Open file descriptors (Linux only).",
    type: "gauge",
    labels: []
  },
  delay: {
    name: "mcp_proxy_event_loop_delay_seconds",
    help: "How late the event loop was since it was last asked: its median, 99th percentile and maximum.",
    type: "gauge",
    labels: ["quantile"]
  }
} as const satisfies Record<string, Family>

/** How often the loop is looked at, in milliseconds. */
const RESOLUTION = 20

const NANOS = 1e9

/** What there is to say of the loop's delay since it was last said; nothing the first time, which begins the watch. */
const watchLoop = () => {
  let watch: ELDHistogram | undefined
  return {
    read: (): ReadonlyArray<Sample> => {
      if (watch === undefined) {
        watch = monitorEventLoopDelay({ resolution: RESOLUTION })
        watch.enable()
        return []
      }
      if (watch.count === 0) return []
      // The time between two looks counts from when the next one is due.
      const late = (nanos: number): number => Math.max(0, nanos / NANOS - RESOLUTION / 1000)
      const samples: ReadonlyArray<Sample> = [
        [["0.5"], late(watch.percentile(50))],
        [["0.99"], late(watch.percentile(99))],
        [["1"], late(watch.max)]
      ]
      watch.reset()
      return samples
    },
    stop: (): void => void watch?.disable()
  }
}

const DESCRIPTORS = "/proc/self/fd"

const countDescriptors = (): number | undefined => {
  try {
    return readdirSync(DESCRIPTORS).length
  } catch {
    return undefined
  }
}

const cpuSeconds = (): number => {
  const { system, user } = process.cpuUsage()
  return (system + user) / 1e6
}

/** Measures this process from now on; nothing runs until somebody looks. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(
  Effect.gen(function* () {
    const began = performance.timeOrigin / 1000
    const loop = yield* Effect.acquireRelease(Effect.sync(watchLoop), ({ stop }) => Effect.sync(stop))
    yield* expose(families.build, () => [[[VERSION, COMMIT, process.versions.node], 1]])
    yield* expose(families.started, () => began)
    yield* expose(families.cpu, cpuSeconds)
    yield* expose(families.resident, () => process.memoryUsage.rss())
    yield* expose(families.heap, () => process.memoryUsage().heapUsed)
    yield* expose(families.external, () => process.memoryUsage().external)
    yield* expose(families.descriptors, countDescriptors)
    yield* expose(families.delay, loop.read)
  })
)
