/** How the process itself is doing. What every program reports bears the names that Prometheus gives it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readdirSync } from "node:fs"
import * as LoopDelay from "./LoopDelay.ts"
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

const samplesOf = (delays: LoopDelay.Delays | undefined): ReadonlyArray<Sample> =>
  delays === undefined
    ? []
    : [
        [["0.5"], delays.median],
        [["0.99"], delays.p99],
        [["1"], delays.max]
      ]

/** Measures this process from now on; nothing runs until somebody looks. */
export const layer: Layer.Layer<never> = Layer.effectDiscard(
  Effect.gen(function* () {
    const began = performance.timeOrigin / 1000
    const delay = yield* LoopDelay.make
    yield* expose(families.build, () => [[[VERSION, COMMIT, process.versions.node], 1]])
    yield* expose(families.started, () => began)
    yield* expose(families.cpu, cpuSeconds)
    yield* expose(families.resident, () => process.memoryUsage.rss())
    yield* expose(families.heap, () => process.memoryUsage().heapUsed)
    yield* expose(families.external, () => process.memoryUsage().external)
    yield* expose(families.descriptors, countDescriptors)
    yield* expose(families.delay, () => samplesOf(delay.take()))
  })
)
