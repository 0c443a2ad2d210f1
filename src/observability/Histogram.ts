/** How values are spread over buckets: plain numbers, for paths on which a measure must cost next to nothing. */
import type * as Metric from "effect/Metric"

export class Histogram {
  private readonly bounds: ReadonlyArray<number>
  private readonly counts: Array<number>
  private count = 0
  private sum = 0
  private min = Number.POSITIVE_INFINITY
  private max = Number.NEGATIVE_INFINITY

  /** `bounds`: the upper ends of the buckets, ascending; what is above them all is counted too. */
  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length }, () => 0)
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let index = 0
    // Most values are small, and the buckets few: a search would take longer.
    while (index < bounds.length && value > (bounds[index] ?? 0)) index++
    if (index < bounds.length) counts[index] = (counts[index] ?? 0) + 1
    this.count++
    this.sum += value
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
  }

  /** As it is now, with counts that add up from bucket to bucket. */
  get state(): Metric.HistogramState {
    const { bounds, count, counts, max, min, sum } = this
    let below = 0
    return {
      buckets: bounds.map((bound, index): [number, number] => [bound, (below += counts[index] ?? 0)]),
      count,
      min,
      max,
      sum
    }
  }
}
