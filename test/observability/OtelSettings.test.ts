/** OpenTelemetry's variables, and what they come to. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as OtelSettings from "../../src/observability/OtelSettings.ts"
import * as Settings from "../../src/settings/Settings.ts"

/** What an environment comes to, or what is said of it. */
const plan = (environment: Record<string, string>) =>
  Settings.load({ otel: OtelSettings.settings }).pipe(
    Effect.flatMap(({ otel }) => Effect.fromResult(OtelSettings.plan(otel))),
    Effect.catch(({ problems }) => Effect.succeed(problems)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(environment))
  )

const urls = (environment: Record<string, string>) =>
  Effect.map(plan(environment), (planned) =>
    planned === undefined || !("urls" in planned)
      ? planned
      : Object.fromEntries(Object.entries(planned.urls).map(([signal, url]) => [signal, url.href]))
  )

const ENDPOINT = "http://collector:4318"

describe("where telemetry goes", () => {
  it.effect("nowhere, unless a collector is named", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* plan({}))
      assert.isUndefined(yield* plan({ OTEL_EXPORTER_OTLP_ENDPOINT: "", OTEL_SERVICE_NAME: "x" }))
      assert.isUndefined(yield* plan({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_SDK_DISABLED: "true" }))
      // That nothing is exported by gRPC matters only where something is.
      assert.isUndefined(yield* plan({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }))
    })
  )

  it.effect("below the collector's address, whatever path that has", () =>
    Effect.gen(function* () {
      for (const base of [ENDPOINT, `${ENDPOINT}/`]) {
        assert.deepStrictEqual(yield* urls({ OTEL_EXPORTER_OTLP_ENDPOINT: base }), {
          traces: `${ENDPOINT}/v1/traces`,
          metrics: `${ENDPOINT}/v1/metrics`,
          logs: `${ENDPOINT}/v1/logs`
        })
      }
      const below = yield* urls({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://x.example/otlp/?key=1" })
      assert.deepInclude(below, { logs: "https://x.example/otlp/v1/logs?key=1" })
    })
  )

  it.effect("of one kind to an address of its own, exactly so, or not at all", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* urls({
          OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT,
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://tempo:1/traces",
          OTEL_METRICS_EXPORTER: "none"
        }),
        { traces: "http://tempo:1/traces", logs: `${ENDPOINT}/v1/logs` }
      )
      assert.deepStrictEqual(yield* urls({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://loki:1/x" }), {
        logs: "http://loki:1/x"
      })
    })
  )
})

describe("the other variables", () => {
  it.effect("are OpenTelemetry's own, with its defaults", () =>
    Effect.gen(function* () {
      const planned = yield* plan({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT })
      assert.deepInclude(planned, {
        isJson: false,
        compression: "none",
        sampler: "parentbased_always_on",
        ratio: 1,
        serviceName: "mcp-proxy",
        attributes: {}
      })
    })
  )

  it.effect("say how it is called: by its own variable, else among its attributes", () =>
    Effect.gen(function* () {
      const attributes = "service.name=from%20attributes, team=a%2Cb ,k=v=w"
      const named = yield* plan({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_RESOURCE_ATTRIBUTES: attributes })
      assert.deepInclude(named, { serviceName: "from attributes", attributes: { team: "a,b", k: "v=w" } })
      const both = { OTEL_SERVICE_NAME: "own", OTEL_RESOURCE_ATTRIBUTES: attributes }
      assert.deepInclude(yield* plan({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, ...both }), { serviceName: "own" })
    })
  )

  it.effect("keep the collector's headers to themselves", () =>
    Effect.gen(function* () {
      const headers = "authorization=Bearer%20secret,x-scope=a"
      const planned = yield* plan({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: headers })
      if (planned === undefined || !("headers" in planned)) throw new Error(JSON.stringify(planned))
      assert.notInclude(JSON.stringify(planned), "secret")
      assert.deepStrictEqual(Redacted.value(planned.headers), { authorization: "Bearer secret", "x-scope": "a" })
    })
  )

  it.effect("are all complained of at once where they cannot be meant, and secrets not quoted", () =>
    Effect.gen(function* () {
      const problems = yield* plan({
        OTEL_EXPORTER_OTLP_ENDPOINT: "collector-secret:4318",
        OTEL_EXPORTER_OTLP_HEADERS: "secret",
        OTEL_TRACES_SAMPLER: "jaeger_remote",
        OTEL_TRACES_SAMPLER_ARG: "1.5",
        OTEL_RESOURCE_ATTRIBUTES: "a=%zz",
        OTEL_METRIC_EXPORT_INTERVAL: "5 s"
      })
      assert.isArray(problems)
      const text = (problems as ReadonlyArray<string>).join("\n")
      for (const name of [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_TRACES_SAMPLER:",
        "OTEL_TRACES_SAMPLER_ARG",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_METRIC_EXPORT_INTERVAL"
      ]) {
        assert.include(text, name)
      }
      assert.notInclude(text, "secret")
    })
  )

  it.effect("know no headers that could not be sent", () =>
    Effect.gen(function* () {
      for (const headers of ["=x", "a b=x", "x=a%0d%0ab: c", "x=%zz", "x"]) {
        const problems = yield* plan({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: headers })
        assert.isArray(problems, headers)
      }
    })
  )

  it.effect("do not include gRPC, and say what to do about it", () =>
    Effect.gen(function* () {
      const problems = yield* plan({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })
      assert.match(
        String(problems),
        /^OTEL_EXPORTER_OTLP_PROTOCOL: expected http\/protobuf or http\/json, not "grpc".*4318$/u
      )
    })
  )
})
