/**
 * Counts the requests that leave the Proxy, each once. On the way of every call: a look-up or three and plain numbers, of
 * which series are made when somebody reads them.
 */
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Outcome } from "../domain/AuditRecord.ts"
import type { Catalogue } from "../domain/Catalogue.ts"
import { CLIENT_METHODS } from "../domain/Protocol.ts"
import type { ServerId } from "../domain/ServerId.ts"
import type { FailureClass } from "../domain/UpstreamFailure.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { Histogram } from "../observability/Histogram.ts"
import { counter, expose, type Family, type Sample } from "../observability/Metrics.ts"

const LABELS = ["server", "method", "tool"] as const

export const families = {
  calls: {
    name: "mcp_proxy_calls_total",
    help: "Requests of clients that have ended, by how. The server is the one that answered or should have, the tool its own name for it.",
    type: "counter",
    labels: [...LABELS, "outcome"]
  },
  duration: {
    name: "mcp_proxy_call_duration_seconds",
    help: "How long requests of clients took, from their arrival to the answer.",
    type: "histogram",
    labels: LABELS
  },
  failures: {
    name: "mcp_proxy_call_failures_total",
    help: "Requests that a server did not answer as it should have, by what was wrong with it.",
    type: "counter",
    labels: ["server", "class"]
  },
  inFlight: {
    name: "mcp_proxy_calls_in_flight",
    help: "Requests of clients that are under way.",
    type: "gauge",
    labels: []
  }
} as const satisfies Record<string, Family>

/** From 1 ms to 5 min, in seconds. */
const BUCKETS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300]

/** How many tools of a server have series of their own. */
export const MAX_TOOLS = 200

/** The label of whatever has no series of its own. */
export const OTHER = "other"

/** One tool, or one other method, of one server. */
class Series {
  private readonly labels: ReadonlyArray<string>
  private readonly outcomes = new Map<Outcome, number>()
  private readonly durations = new Histogram(BUCKETS)

  constructor(...labels: ReadonlyArray<string>) {
    this.labels = labels
  }

  add(outcome: Outcome, millis: number): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    // Clocks are set back at times.
    this.durations.observe(Math.max(0, millis) / 1000)
  }

  get counts(): ReadonlyArray<Sample> {
    return [...this.outcomes].map(([outcome, count]) => [[...this.labels, outcome], count])
  }

  get duration(): Sample {
    return [this.labels, this.durations.state]
  }
}

/** One server; with an empty name, what was answered here, or found no server. */
class ServerSeries {
  private readonly name: string
  private readonly catalogue: () => Catalogue | undefined
  private readonly methods = new Map<string, Series>()
  private readonly tools = new Map<string, Series>()
  private seen: Catalogue | undefined
  private names: ReadonlySet<string> = new Set()

  /** `catalogue` is what the server offers at present. */
  constructor(name: string, catalogue: () => Catalogue | undefined) {
    this.name = name
    this.catalogue = catalogue
  }

  of(method: string, tool: string | undefined): Series {
    if (tool !== undefined) return this.ofTool(method, tool)
    const label = CLIENT_METHODS.has(method) ? method : OTHER
    return this.methods.get(label) ?? this.make(this.methods, label, label, "")
  }

  get all(): ReadonlyArray<Series> {
    this.refresh()
    return [...this.methods.values(), ...this.tools.values()]
  }

  private ofTool(method: string, tool: string): Series {
    this.refresh()
    const known = this.tools.get(tool)
    if (known !== undefined) return known
    const label = this.names.has(tool) && this.tools.size < MAX_TOOLS ? tool : OTHER
    return this.tools.get(label) ?? this.make(this.tools, label, method, label)
  }

  private make(into: Map<string, Series>, key: string, method: string, tool: string): Series {
    const made = new Series(this.name, method, tool)
    into.set(key, made)
    return made
  }

  /** Forgets the tools that the server does not offer any more. */
  private refresh(): void {
    const catalogue = this.catalogue()
    if (catalogue === this.seen) return
    this.seen = catalogue
    this.names = new Set(catalogue?.lists.tools.map(({ name }) => name))
    for (const tool of this.tools.keys()) if (tool !== OTHER && !this.names.has(tool)) this.tools.delete(tool)
  }
}

/** A request that has ended. */
export interface Finished {
  readonly server: string | undefined
  readonly method: string
  /** The server's own name of the tool that was called; undefined where it was none, or none that is known. */
  readonly tool: string | undefined
  readonly outcome: Outcome
  /** What was wrong with the server, where it failed for that. */
  readonly failure?: FailureClass | undefined
  readonly millis: number
}

/** For the requests of one gateway. `inFlight` says how many are under way. */
export const make = Effect.fnUntraced(function* (inFlight: () => number) {
  const fleet = yield* Fleet
  const servers = new Map<string, ServerSeries>()

  const catalogueOf = (server: string): Catalogue | undefined => {
    const upstream = fleet.shared(server as ServerId)
    return upstream === undefined ? undefined : SubscriptionRef.getUnsafe(upstream.state).catalogue
  }

  const of = (server: string): ServerSeries => {
    const known = servers.get(server)
    if (known !== undefined) return known
    const made = new ServerSeries(server, () => catalogueOf(server))
    servers.set(server, made)
    return made
  }

  /** Of the servers that there still are. */
  const all = (): ReadonlyArray<Series> => {
    for (const name of servers.keys()) {
      if (name !== "" && fleet.shared(name as ServerId) === undefined) servers.delete(name)
    }
    return [...servers.values()].flatMap((server) => server.all)
  }

  yield* expose(families.calls, () => all().flatMap(({ counts }) => counts))
  yield* expose(families.duration, () => all().map(({ duration }) => duration))
  yield* expose(families.inFlight, inFlight)
  const failures = yield* counter(families.failures)

  return {
    finished: ({ failure, millis, method, outcome, server = "", tool }: Finished): void => {
      of(server).of(method, tool).add(outcome, millis)
      if (failure !== undefined) failures([server, failure])
    }
  }
})

export type CallMetrics = Effect.Success<ReturnType<typeof make>>
