/** An OpenTelemetry collector that keeps what it is sent: OTLP over HTTP, in this process. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

interface Value {
  readonly stringValue?: string
  readonly intValue?: number
}

type KeyValues = ReadonlyArray<{ readonly key: string; readonly value: Value }>

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: KeyValues
}

export interface ReceivedLine {
  readonly traceId?: string
  readonly spanId?: string
  readonly body: Value
}

export interface ReceivedMetric {
  readonly name: string
  readonly sum?: { readonly dataPoints: ReadonlyArray<{ readonly attributes: KeyValues; readonly asDouble: number }> }
}

export interface Request {
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: Buffer
}

/** Attributes as an object. */
export const attributesOf = (all: KeyValues): Readonly<Record<string, string | number | undefined>> =>
  Object.fromEntries(all.map(({ key, value }) => [key, value.stringValue ?? value.intValue]))

const parse = (body: Buffer): Record<string, ReadonlyArray<Record<string, ReadonlyArray<Record<string, unknown>>>>> =>
  JSON.parse(body.toString())

/** A collector on a port of its own, until the scope closes. `port`: on that one. */
export const startCollector = (port = 0) =>
  Effect.gen(function* () {
    const requests: Array<Request> = []
    const behaviour = { status: 200 }
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        requests.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks) })
        response.writeHead(behaviour.status, { "content-type": "application/json" }).end("{}")
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(port, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    /** The items of what was sent to a path, as JSON. */
    const items = <A>(path: string, outer: string, inner: string, what: string): ReadonlyArray<A> =>
      requests
        .filter((request) => request.path === path)
        .flatMap(({ body }) => parse(body)[outer] ?? [])
        .flatMap((resource) => resource[inner] ?? [])
        .flatMap((scope) => (scope[what] ?? []) as ReadonlyArray<A>)
    const { port: actual } = server.address() as AddressInfo
    return {
      url: `http://127.0.0.1:${actual}`,
      port: actual,
      requests,
      behaviour,
      spans: () => items<ReceivedSpan>("/v1/traces", "resourceSpans", "scopeSpans", "spans"),
      lines: () => items<ReceivedLine>("/v1/logs", "resourceLogs", "scopeLogs", "logRecords"),
      metrics: () => items<ReceivedMetric>("/v1/metrics", "resourceMetrics", "scopeMetrics", "metrics")
    }
  }) satisfies Effect.Effect<unknown, never, Scope.Scope>

export type RunningCollector = Effect.Success<ReturnType<typeof startCollector>>
