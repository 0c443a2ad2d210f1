/** What one call is traced by. Where tracing is off there is none of this: no span is made, and nothing asks for the time. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import type { TraceContext } from "../domain/TraceContext.ts"
import type { Sampler } from "./Sampler.ts"

/** Random bytes are dear one by one: so many are drawn at a time. */
const POOL = 4096
let pool = Buffer.alloc(0)
let used = 0

const randomHex = (bytes: number): string => {
  if (used + bytes > pool.length) {
    pool = randomBytes(POOL)
    used = 0
  }
  return pool.toString("hex", used, (used += bytes))
}

/** Whom the work is for: somebody who asked us, or us, who ask somebody. */
export type Kind = "server" | "client"

export type Attributes = Record<string, string | number>

/** One piece of work within a trace. Its context is what those are told who work on a part of it. */
export class Span {
  readonly context: TraceContext
  readonly kind: Kind
  readonly parentId: string | undefined
  /** Where else the work came from. */
  readonly link: TraceContext | undefined
  name: string
  readonly attributes: Attributes = {}
  failed = false
  /** Nanoseconds since the epoch. */
  readonly started: bigint
  ended = 0n
  private readonly tracer: Tracer

  constructor(tracer: Tracer, name: string, kind: Kind, parent: TraceContext | undefined, link?: TraceContext) {
    const traceId = parent?.traceId ?? randomHex(16)
    this.tracer = tracer
    this.name = name
    this.kind = kind
    this.parentId = parent?.spanId
    this.link = link
    this.context = {
      traceId,
      spanId: randomHex(8),
      sampled: tracer.sampler(traceId, parent),
      state: parent?.state
    }
    this.started = tracer.now()
  }

  /** Work that is asked of somebody else on its behalf. */
  ask(name: string): Span {
    return new Span(this.tracer, name, "client", this.context)
  }

  /** Hands it over, if it is kept. */
  end(): void {
    this.ended = this.tracer.now()
    if (this.context.sampled) this.tracer.keep(this)
  }
}

export interface Tracer {
  readonly sampler: Sampler
  readonly now: () => bigint
  readonly keep: (span: Span) => void
}

/** The tracer of this process; undefined where tracing is off. */
export const Tracing = Context.Reference<Tracer | undefined>("mcp-proxy/observability/Tracing", {
  defaultValue: () => undefined
})

/** The span that the present work belongs to: what lines of the log name. */
export const CurrentSpan = Context.Reference<Span | undefined>("mcp-proxy/observability/Tracing/CurrentSpan", {
  defaultValue: () => undefined
})

/** A tracer that hands its spans to `keep`. */
export const make = (sampler: Sampler, keep: (span: Span) => void): Effect.Effect<Tracer> =>
  Clock.clockWith((clock) => Effect.succeed({ sampler, now: () => clock.currentTimeNanosUnsafe(), keep }))
