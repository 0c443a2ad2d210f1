/** Export of traces, metrics and logs over OTLP. Imported only where it is wanted: nothing else needs what it needs. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as HttpClient from "effect/http/HttpClient"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpLogger from "effect/observability/OtlpLogger"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import * as OtlpResource from "effect/observability/OtlpResource"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import { randomUUID } from "node:crypto"
import type { Values } from "../settings/Settings.ts"
import * as Collector from "./Collector.ts"
import { Flush } from "./Flush.ts"
import * as Logging from "./Logging.ts"
import { expose, Metrics } from "./Metrics.ts"
import type { Plan } from "./OtelSettings.ts"
import * as Sampler from "./Sampler.ts"
import * as SpanExporter from "./SpanExporter.ts"
import { families } from "./TelemetryMetrics.ts"
import * as Tracing from "./Tracing.ts"
import { VERSION } from "./Version.ts"

/** How long the end of the program waits for the last metrics and log lines. */
const SHUTDOWN = Duration.seconds(3)

/** Exports as planned; of the log, the lines that the settings would have written. */
export const layer = (
  plan: Plan,
  levels: Pick<Values<typeof Logging.settings>, "level" | "levels">
): Layer.Layer<never, never, HttpClient.HttpClient> => {
  const resource = {
    serviceName: plan.serviceName,
    serviceVersion: VERSION,
    attributes: { "service.instance.id": randomUUID(), ...plan.attributes }
  }
  const headers = Redacted.value(plan.headers)
  const { compression, timeout } = plan
  const serialization = plan.isJson ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf

  const givenUp = Deferred.makeUnsafe<void>()

  /** What exports one kind of telemetry, where it is wanted. */
  const exporting = <E, R>(signal: Collector.Signal, make: (url: URL) => Layer.Layer<never, E, R>) => {
    const url = plan.urls[signal]
    if (url === undefined) return Layer.empty
    const client = Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, (plain) => Collector.make(plain, { signal, timeout, url, givenUp }))
    )
    return make(url).pipe(Layer.provide(client))
  }

  const traces = exporting("traces", (url) =>
    Layer.effect(
      Tracing.Tracing,
      Effect.gen(function* () {
        const exporter = yield* SpanExporter.make({ url, headers, compression, resource: OtlpResource.make(resource) })
        const flusher = yield* OtlpExporter.Flusher
        yield* flusher.register(exporter.flush)
        yield* expose(families.spans, () => [
          [["delivered"], exporter.queue.delivered],
          [["dropped"], exporter.queue.dropped]
        ])
        return yield* Tracing.make(Sampler.make(plan.sampler, plan.ratio), exporter.keep)
      })
    )
  )

  const metrics = exporting("metrics", (url) =>
    Layer.effectDiscard(
      Effect.flatMap(Metrics, ({ registry }) =>
        OtlpMetrics.make({
          url: url.href,
          resource,
          headers,
          compression,
          exportInterval: plan.metricInterval,
          shutdownTimeout: SHUTDOWN
        }).pipe(Effect.provideService(Metric.MetricRegistry, registry))
      )
    )
  )

  const logs = exporting("logs", (url) =>
    Logger.layer(
      [
        Effect.map(
          OtlpLogger.make({ url: url.href, resource, headers, compression, shutdownTimeout: SHUTDOWN }),
          (logger) =>
            Logger.make<unknown, void>((line) => {
              if (!Logging.isWanted(levels, line)) return
              // The exporter looks for Effect's own spans, of which there are none here.
              const span = line.fiber.getRef(Tracing.CurrentSpan)?.context
              const fiber = Object.create(line.fiber, { cache: { value: { span } } }) as typeof line.fiber
              logger.log({ ...line, fiber })
            })
        )
      ],
      { mergeWithExisting: true }
    )
  )

  const flush = Layer.effect(
    Flush,
    Effect.map(OtlpExporter.Flusher, ({ flush }) =>
      Effect.timeoutOrElse(flush, {
        duration: SHUTDOWN,
        orElse: () => Effect.asVoid(Deferred.succeed(givenUp, undefined))
      })
    )
  )

  return Layer.mergeAll(traces, metrics, logs, flush).pipe(
    Layer.provide(Layer.merge(serialization, OtlpExporter.layerFlusher)),
    // Everything is said by the plan; these exporters would read the environment once more.
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
  )
}
