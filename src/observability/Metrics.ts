/**
 * What can be measured from outside. A room declares its families and says how to read them; nothing is computed until
 * somebody looks. What is read goes out in Prometheus' words or over OTLP, from one registry.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import * as PrometheusText from "./PrometheusText.ts"

/** One name and what it stands for. In base units; a counter's ends in `_total` (Prometheus, "Metric and label naming"). */
export interface Family {
  readonly name: string
  /** One sentence for the scrape and the docs. */
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram"
  /** The names of its labels, in the order in which samples have their values. */
  readonly labels: ReadonlyArray<string>
}

/** A number, or a histogram, with the values of the labels. */
export type Sample = readonly [labels: ReadonlyArray<string>, value: number | Metric.HistogramState]

/** What a family is at present: one number where it has no labels; undefined where there is nothing to say. */
export type Read = () => number | undefined | Iterable<Sample>

/** Counts what happens now and then; by zero to have the series there before anything happens. */
export type Count = (labels: ReadonlyArray<string>, by?: number) => void

export interface Metrics {
  /** Has a family read from here while the scope lives. Several may read one family, each other series of it. */
  readonly expose: (family: Family, read: Read) => Effect.Effect<void, never, Scope.Scope>
  /** The counter of a family: the same one for all who ask, and its numbers outlive them. */
  readonly counter: (family: Family) => Count
  /**
   * Only series with such a value of that label are shown, and others are forgotten: what a label may say is for one room
   * to know. The empty value says that there is none, and is always good.
   */
  readonly only: (label: string, isGood: (value: string) => boolean) => Effect.Effect<void, never, Scope.Scope>
  /** What Effect's exporters read: its values are computed whenever they are asked for. */
  readonly registry: Metric.MetricRegistry
}

type Metadata = Metric.MetricRegistry extends Map<string, infer Entry> ? Entry : never

const TYPES = { counter: "Counter", gauge: "Gauge", histogram: "Histogram" } as const

const stateOf = (family: Family, value: number | Metric.HistogramState): unknown => {
  if (typeof value !== "number") return value
  return family.type === "counter" ? { count: value, incremental: true } : { value }
}

const metadataOf = (family: Family, [labels, value]: Sample): Metadata => ({
  id: family.name,
  type: TYPES[family.type],
  description: family.help,
  attributes: Object.fromEntries(family.labels.map((name, index) => [name, labels[index] ?? ""])),
  hooks: { get: () => stateOf(family, value), update: constVoid, modify: constVoid }
})

const samplesOf = (value: ReturnType<Read>): Iterable<Sample> => {
  if (value === undefined) return []
  return typeof value === "number" ? [[[], value]] : value
}

/** A registry that holds nothing itself: whoever reads its values has them computed. */
class LiveRegistry extends Map<string, Metadata> {
  private readonly collect: () => Map<string, Metadata>

  constructor(collect: () => Map<string, Metadata>) {
    super()
    this.collect = collect
  }

  override values() {
    return this.collect().values()
  }
}

/** The numbers of a counter that is counted by its labels. */
class Tally {
  private readonly numbers = new Map<string, { readonly labels: ReadonlyArray<string>; number: number }>()

  readonly count: Count = (labels, by = 1) => {
    const key = labels.join("\0")
    const known = this.numbers.get(key)
    if (known === undefined) this.numbers.set(key, { labels, number: by })
    else known.number += by
  }

  /** What there is, after what is not good any more has been forgotten. */
  read(isGood: (labels: ReadonlyArray<string>) => boolean): ReadonlyArray<Sample> {
    for (const [key, { labels }] of this.numbers) if (!isGood(labels)) this.numbers.delete(key)
    return [...this.numbers.values()].map(({ labels, number }): Sample => [labels, number])
  }
}

const make = (): Metrics => {
  const sources = new Set<{ readonly family: Family; readonly read: Read }>()
  const tallies = new Map<Family, Tally>()
  const rules = new Map<string, (value: string) => boolean>()

  const isGood = (family: Family) => {
    const checks = family.labels.flatMap((name, index) => {
      const rule = rules.get(name)
      return rule === undefined ? [] : [{ index, rule }]
    })
    return (labels: ReadonlyArray<string>): boolean =>
      checks.every(({ index, rule }) => (labels[index] ?? "") === "" || rule(labels[index] ?? ""))
  }

  const collect = (): Map<string, Metadata> => {
    const found = new Map<string, Metadata>()
    const put = (family: Family, samples: Iterable<Sample>, isGood: (labels: ReadonlyArray<string>) => boolean) => {
      for (const sample of samples) {
        if (isGood(sample[0])) found.set([family.name, ...sample[0]].join("\0"), metadataOf(family, sample))
      }
    }
    for (const { family, read } of sources) put(family, samplesOf(read()), isGood(family))
    for (const [family, tally] of tallies) put(family, tally.read(isGood(family)), () => true)
    return found
  }

  const held = <A>(add: () => A, remove: (added: A) => void) =>
    Effect.asVoid(
      Effect.acquireRelease(Effect.sync(add), (added) =>
        Effect.sync(() => {
          remove(added)
        })
      )
    )

  return {
    expose: (family, read) =>
      held(
        () => {
          const source = { family, read }
          sources.add(source)
          return source
        },
        (source) => sources.delete(source)
      ),
    counter: (family) => {
      const known = tallies.get(family)
      if (known !== undefined) return known.count
      const tally = new Tally()
      tallies.set(family, tally)
      return tally.count
    },
    only: (label, isGood) =>
      held(
        () => rules.set(label, isGood),
        () => rules.delete(label)
      ),
    registry: new LiveRegistry(collect)
  }
}

/** Nobody looks, and nothing is kept. */
export const none: Metrics = {
  expose: () => Effect.void,
  counter: () => constVoid,
  only: () => Effect.void,
  registry: new Map()
}

/** The measures of this process; none unless they are asked for by `layer`. */
export const Metrics = Context.Reference<Metrics>("mcp-proxy/observability/Metrics", { defaultValue: () => none })

export const layer: Layer.Layer<never> = Layer.sync(Metrics, make)

/** Has a family read from here while the scope lives. */
export const expose = (family: Family, read: Read): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Metrics, (metrics) => metrics.expose(family, read))

/** The counter of a family. */
export const counter = (family: Family): Effect.Effect<Count> =>
  Effect.map(Metrics, (metrics) => metrics.counter(family))

/** Everything as Prometheus reads it. */
export const text = ({ registry }: Metrics): string =>
  PrometheusText.format(Metric.snapshotUnsafe(Context.make(Metric.MetricRegistry, registry)))
