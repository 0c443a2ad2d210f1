/** The spans that have ended and are not delivered yet: so many at most, and how many found no room. */
import type { Span } from "./Tracing.ts"

export class SpanQueue {
  /** As OTEL_BSP_MAX_QUEUE_SIZE has it by default. */
  static readonly CAPACITY = 2048

  private spans: Array<Span> = []
  private taken = 0
  private lost = 0

  get waiting(): number {
    return this.spans.length
  }

  /** Spans that the collector has, since the start. */
  get delivered(): number {
    return this.taken
  }

  /** Spans that it will never have. */
  get dropped(): number {
    return this.lost
  }

  /** Takes a span, or counts it as dropped. */
  add(span: Span): void {
    if (this.spans.length < SpanQueue.CAPACITY) this.spans.push(span)
    else this.lost++
  }

  /** The oldest, so many at most; they stay until it is said what became of them. */
  batch(most: number): ReadonlyArray<Span> {
    return this.spans.slice(0, most)
  }

  /** The oldest so many are delivered. */
  deliver(count: number): void {
    this.taken += count
    this.spans = this.spans.slice(count)
  }

  /** The oldest so many are given up. */
  drop(count: number): void {
    this.lost += count
    this.spans = this.spans.slice(count)
  }
}
