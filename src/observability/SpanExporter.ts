/** Sends spans to a collector, in batches, as OpenTelemetry's batch processor does: OTLP over HTTP. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as OtlpResource from "effect/observability/OtlpResource"
import { OtlpSerialization } from "effect/observability/OtlpSerialization"
import type * as OtlpTracer from "effect/observability/OtlpTracer"
import { logger } from "./Logging.ts"
import * as Vital from "./Vital.ts"
import { SpanQueue } from "./SpanQueue.ts"
import { families } from "./TelemetryMetrics.ts"
import type { Kind, Span } from "./Tracing.ts"
import { NAME, VERSION } from "./Version.ts"

const log = logger("main")

/** How many go together, and how long they wait for each other (OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_SCHEDULE_DELAY). */
const BATCH = 512
const INTERVAL = Duration.seconds(5)

const FIRST_DELAY = Duration.seconds(1)
const MAX_DELAY = Duration.seconds(30)

/** How long the end of the program waits for what has not been sent yet. */
const FLUSH = Duration.seconds(3)

/** Answers after which the same may be sent again (OTLP, "Failures", §Retryable Response Codes). */
const AGAIN = new Set([429, 502, 503, 504])

/** OTLP exporter, §User Agent. */
const USER_AGENT = `OTel-OTLP-Exporter-${NAME}/${VERSION}`

type OtlpSpan = OtlpTracer.ScopeSpan["spans"][number]

/** SpanKind and StatusCode, as OTLP numbers them. */
const KIND: Readonly<Record<Kind, number>> = { server: 2, client: 3 }
const UNSET = 0
const ERROR = 2

/** A span as OTLP has it. */
export const encode = (span: Span): OtlpSpan => ({
  traceId: span.context.traceId,
  spanId: span.context.spanId,
  parentSpanId: span.parentId,
  name: span.name,
  kind: KIND[span.kind],
  startTimeUnixNano: String(span.started),
  endTimeUnixNano: String(span.ended),
  attributes: OtlpResource.entriesToAttributes(Object.entries(span.attributes)),
  droppedAttributesCount: 0,
  events: [],
  droppedEventsCount: 0,
  status: { code: span.failed ? ERROR : UNSET },
  links:
    span.link === undefined
      ? []
      : [{ traceId: span.link.traceId, spanId: span.link.spanId, attributes: [], droppedAttributesCount: 0 }],
  droppedLinksCount: 0
})

export interface Options {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly compression: "none" | "gzip"
  readonly resource: OtlpResource.Resource
}

export interface SpanExporter {
  readonly keep: (span: Span) => void
  readonly queue: SpanQueue
  /** Delivers what waits, unless the collector is away. */
  readonly flush: Effect.Effect<void>
}

/** Exports what it is given to keep, until its scope closes. */
export const make: (
  options: Options
) => Effect.Effect<SpanExporter, never, HttpClient.HttpClient | OtlpSerialization | Scope.Scope> = Effect.fnUntraced(
  function* ({ compression, headers, resource, url }) {
    const client = yield* HttpClient.HttpClient
    const serialization = yield* OtlpSerialization
    const queue = new SpanQueue()
    const turn = yield* Semaphore.make(1)
    const full = Latch.makeUnsafe(false)
    let told = { dropped: 0, isOpen: false }

    const send = Effect.fnUntraced(function* (spans: ReadonlyArray<Span>) {
      const scopeSpans = [{ scope: { name: NAME, version: VERSION }, spans: spans.map(encode) }]
      const body = serialization.traces({ resourceSpans: [{ resource, scopeSpans }] })
      const plain = HttpClientRequest.setBody(
        HttpClientRequest.post(url.href, { headers: { "user-agent": USER_AGENT, ...headers } }),
        body
      )
      const request = compression === "gzip" ? yield* HttpClientRequest.compressBody(plain, "gzip") : plain
      const { status } = yield* client.execute(request)
      return status < 400 ? "delivered" : AGAIN.has(status) ? "later" : "refused"
    })

    /** Sends the oldest. True if there may be more to do at once. */
    const deliver = Effect.gen(function* () {
      const spans = queue.batch(BATCH)
      const outcome = yield* Effect.orElseSucceed(send(spans), () => "later" as const)
      if (outcome === "delivered") queue.deliver(spans.length)
      else if (outcome === "refused") queue.drop(spans.length)
      yield* tell(outcome === "delivered")
      return outcome !== "later"
    }).pipe(Effect.withTracerEnabled(false), turn.withPermits(1))

    const flush = Effect.suspend(() => (queue.waiting > 0 ? deliver : Effect.succeed(false))).pipe(
      Effect.repeat({ while: (isWell) => isWell }),
      Effect.asVoid
    )

    /** Says once that spans are dropped, and how many they were once there are takers again. */
    const tell = (isWell: boolean): Effect.Effect<void> => {
      const lost = queue.dropped - told.dropped
      if (lost === 0 || (told.isOpen && !isWell)) return Effect.void
      told = isWell ? { dropped: queue.dropped, isOpen: false } : { ...told, isOpen: true }
      return isWell
        ? log.info(`${lost} spans were dropped`)
        : log.warning(`Spans are dropped; ${families.spans.name} counts them`)
    }

    const serve = Effect.gen(function* () {
      let delay = FIRST_DELAY
      for (;;) {
        yield* Effect.timeoutOption(full.await, INTERVAL)
        full.closeUnsafe()
        while (queue.waiting > 0) {
          if (yield* deliver) {
            delay = FIRST_DELAY
            continue
          }
          yield* Effect.sleep(delay)
          delay = Duration.min(MAX_DELAY, Duration.times(delay, 2))
        }
      }
    })

    // Runs once nobody sends any more.
    yield* Effect.addFinalizer(() =>
      flush.pipe(
        Effect.timeoutOption(FLUSH),
        Effect.interruptible,
        Effect.andThen(
          Effect.suspend(() =>
            queue.waiting === 0
              ? Effect.void
              : log.warning(`${queue.waiting} spans could not be delivered and are lost`)
          )
        )
      )
    )
    yield* Vital.fork("The export of traces", serve)

    return {
      queue,
      flush,
      keep: (span) => {
        queue.add(span)
        if (queue.waiting >= BATCH) full.openUnsafe()
      }
    }
  }
)
