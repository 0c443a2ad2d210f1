/** Telemetry for an OpenTelemetry collector, where the settings name one. Where they do not, nothing of it is even loaded. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { HttpClient } from "effect/http/HttpClient"
import type { SettingsError, Values } from "../settings/Settings.ts"
import type * as Logging from "./Logging.ts"
import * as OtelSettings from "./OtelSettings.ts"

export interface Options {
  readonly settings: Values<typeof OtelSettings.settings>
  /** Of the log, what is written is exported. */
  readonly log: Pick<Values<typeof Logging.settings>, "level" | "levels">
  /** How the collector is reached. */
  readonly client: Layer.Layer<HttpClient>
}

/** Provides the tracer, exports metrics, and adds to the loggers. Fails where the settings cannot be meant. */
export const layer = ({ client, log, settings }: Options): Layer.Layer<never, SettingsError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const plan = yield* Effect.fromResult(OtelSettings.plan(settings))
      if (plan === undefined) return Layer.empty
      const otlp = yield* Effect.promise(() => import("./Otlp.ts"))
      return otlp.layer(plan, log).pipe(Layer.provide(client))
    })
  )
