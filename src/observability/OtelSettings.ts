/** OpenTelemetry's own variables, as far as they mean something here, and what they come to. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Setting from "../settings/Setting.ts"
import { SettingsError, type Values } from "../settings/Settings.ts"
import type { Signal } from "./Collector.ts"
import { SAMPLERS } from "./Sampler.ts"
import { NAME } from "./Version.ts"

const decodeUrl = (value: string): Result.Result<Option.Option<URL>, string> =>
  URL.canParse(value) && /^https?:$/u.test(new URL(value).protocol)
    ? Result.succeed(Option.some(new URL(value)))
    : Result.fail("an http:// or https:// URL")

/** May have a password in it. */
const url = (name: string, description: string) =>
  Setting.custom<Option.Option<URL>>({
    name,
    description,
    fallback: "",
    absent: Option.none(),
    decode: decodeUrl,
    secret: true
  })

type Pairs = Readonly<Record<string, string>>

const decodePart = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return undefined
  }
}

/** `key=value,…`, each part percent-encoded where it has to be (W3C Baggage). Undefined where it is none. */
const pairs = (value: string): Pairs | undefined => {
  const found: Record<string, string> = {}
  for (const item of Setting.items(value)) {
    const equals = item.indexOf("=")
    const key = decodePart(item.slice(0, Math.max(0, equals)))
    const text = decodePart(item.slice(equals + 1))
    if (key === undefined || key === "" || text === undefined) return undefined
    found[key] = text
  }
  return found
}

const PAIRS = "key=value pairs, comma-separated, their special characters percent-encoded"

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/iu
const HEADER_VALUE = /^[\x20-\x7e]*$/u

const decodeHeaders = (value: string): Result.Result<Redacted.Redacted<Pairs>, string> => {
  const found = pairs(value)
  const isGood =
    found !== undefined &&
    Object.entries(found).every(([name, text]) => HEADER_NAME.test(name) && HEADER_VALUE.test(text))
  return isGood ? Result.succeed(Redacted.make(found)) : Result.fail(PAIRS)
}

const decodeAttributes = (value: string): Result.Result<Pairs, string> => {
  const found = pairs(value)
  return found === undefined ? Result.fail(PAIRS) : Result.succeed(found)
}

const decodeRatio = (value: string): Result.Result<number, string> => {
  const ratio = Number(value)
  return ratio >= 0 && ratio <= 1 ? Result.succeed(ratio) : Result.fail("a number from 0 to 1")
}

const exporter = (signal: Signal) =>
  Setting.choice({
    name: `OTEL_${signal.toUpperCase()}_EXPORTER`,
    description: `Whether ${signal} are exported: otlp, or none.`,
    fallback: "otlp",
    choices: ["otlp", "none"]
  })

const endpoint = (signal: Signal) =>
  url(
    `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`,
    `The whole URL for ${signal}, where it is not the common one.`
  )

export const settings = {
  endpoint: url(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "An OpenTelemetry collector that takes OTLP over HTTP, such as http://localhost:4318: traces, metrics and logs are exported to it. Unset: nothing is."
  ),
  tracesEndpoint: endpoint("traces"),
  metricsEndpoint: endpoint("metrics"),
  logsEndpoint: endpoint("logs"),
  traces: exporter("traces"),
  metrics: exporter("metrics"),
  logs: exporter("logs"),
  headers: Setting.custom<Redacted.Redacted<Pairs>>({
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    description: "Headers for the collector, such as credentials, as key=value,…, percent-encoded.",
    fallback: "",
    absent: Redacted.make({}),
    decode: decodeHeaders,
    secret: true
  }),
  protocol: Setting.choice({
    name: "OTEL_EXPORTER_OTLP_PROTOCOL",
    description: "http/protobuf or http/json. Not grpc.",
    fallback: "http/protobuf",
    choices: ["http/protobuf", "http/json", "grpc"]
  }),
  compression: Setting.choice({
    name: "OTEL_EXPORTER_OTLP_COMPRESSION",
    description: "gzip or none.",
    fallback: "none",
    choices: ["none", "gzip"]
  }),
  timeout: Setting.integer({
    name: "OTEL_EXPORTER_OTLP_TIMEOUT",
    description: "How long the collector may take over one request, in milliseconds.",
    fallback: 10_000,
    minimum: 1,
    maximum: 600_000
  }),
  metricInterval: Setting.integer({
    name: "OTEL_METRIC_EXPORT_INTERVAL",
    description: "How often metrics are exported, in milliseconds.",
    fallback: 60_000,
    minimum: 100,
    maximum: 86_400_000
  }),
  sampler: Setting.choice({
    name: "OTEL_TRACES_SAMPLER",
    description: `Which traces are kept: ${SAMPLERS.join(", ")}. By default what the client keeps, and all that it does not speak of.`,
    fallback: "parentbased_always_on",
    choices: SAMPLERS
  }),
  ratio: Setting.custom<number>({
    name: "OTEL_TRACES_SAMPLER_ARG",
    description: "The share of traces that the traceidratio samplers keep, from 0 to 1.",
    fallback: "1",
    absent: 1,
    decode: decodeRatio
  }),
  serviceName: Setting.optional({
    name: "OTEL_SERVICE_NAME",
    description: `What this proxy is called in telemetry. Unset: service.name of OTEL_RESOURCE_ATTRIBUTES, or ${NAME}.`
  }),
  attributes: Setting.custom<Pairs>({
    name: "OTEL_RESOURCE_ATTRIBUTES",
    description: "What else is said of it, as key=value,…: deployment.environment.name=production.",
    fallback: "",
    absent: {},
    decode: decodeAttributes
  }),
  disabled: Setting.flag({
    name: "OTEL_SDK_DISABLED",
    description: "Export nothing, whatever the other variables say."
  })
}

/** What is exported, and how. */
export interface Plan {
  /** Where to, of what is exported at all. */
  readonly urls: Partial<Readonly<Record<Signal, URL>>>
  readonly headers: Redacted.Redacted<Pairs>
  readonly isJson: boolean
  readonly compression: "none" | "gzip"
  readonly timeout: Duration.Duration
  readonly metricInterval: Duration.Duration
  readonly sampler: (typeof SAMPLERS)[number]
  readonly ratio: number
  readonly serviceName: string
  readonly attributes: Pairs
}

/** The common address is a base; that of one signal is taken as it is (OTLP exporter, §Endpoint URLs for OTLP/HTTP). */
const below = (base: URL, signal: Signal): URL => {
  const made = new URL(base)
  made.pathname = `${base.pathname.replace(/\/$/u, "")}/v1/${signal}`
  return made
}

/** Undefined where nothing is to be exported. */
export const plan = (values: Values<typeof settings>): Result.Result<Plan | undefined, SettingsError> => {
  const urlOf = (signal: Signal): URL | undefined => {
    if (Option.contains(values[signal], "none")) return undefined
    const own = Option.getOrUndefined(values[`${signal}Endpoint`])
    return own ?? Option.getOrUndefined(Option.map(values.endpoint, (base) => below(base, signal)))
  }
  const urls = Object.fromEntries(
    (["traces", "metrics", "logs"] as const).flatMap((signal) => {
      const url = urlOf(signal)
      return url === undefined ? [] : [[signal, url]]
    })
  )
  if (values.disabled || Object.keys(urls).length === 0) return Result.succeed(undefined)
  const protocol = Option.getOrElse(values.protocol, () => "http/protobuf" as const)
  if (protocol === "grpc") {
    const problem = `${settings.protocol.name}: expected http/protobuf or http/json, not "grpc"; collectors take both on a port of their own, mostly 4318`
    return Result.fail(new SettingsError({ problems: [problem] }))
  }
  const { "service.name": named, ...attributes } = values.attributes
  return Result.succeed({
    urls,
    headers: values.headers,
    isJson: protocol === "http/json",
    compression: Option.getOrElse(values.compression, () => "none" as const),
    timeout: Duration.millis(values.timeout),
    metricInterval: Duration.millis(values.metricInterval),
    sampler: Option.getOrElse(values.sampler, () => "parentbased_always_on" as const),
    ratio: values.ratio,
    serviceName: Option.getOrElse(values.serviceName, () => named ?? NAME),
    attributes
  })
}
