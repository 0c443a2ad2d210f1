/** The built proxy before a collector: what it exports, what its servers are told, and what neither is. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { gunzipSync } from "node:zlib"
import * as AuthMetrics from "../../src/auth/AuthMetrics.ts"
import * as AllMetrics from "../../src/cli/AllMetrics.ts"
import * as TelemetryMetrics from "../../src/observability/TelemetryMetrics.ts"
import { attributesOf, type ReceivedSpan, type RunningCollector, startCollector } from "../support/collector.ts"
import { family } from "../support/scrape.ts"
import { start as startRawHttp } from "../fixtures/raw-http.ts"
import { call, connect, textOf } from "./client.ts"
import { eventually, fixture, freePort, readyProxy, type RunningProxy } from "./harness.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`

const SECRETS = {
  OTEL_EXPORTER_OTLP_HEADERS: "x-collector-key=secret-of-the-collector",
  MCP_METRICS_TOKEN: "secret-of-the-scraper"
}

const local = { command: process.execPath, args: [fixture("meta-stdio.ts")] }

const remote = Effect.acquireRelease(
  Effect.promise(() => startRawHttp()),
  (server) => Effect.promise(() => server.close())
)

const environment = (url: string, more: Readonly<Record<string, string>> = {}) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  MCP_LOG_FORMAT: "json",
  MCP_LOG_LEVEL: "DEBUG",
  ...SECRETS,
  ...more
})

/** What /metrics says. */
const scrape = ({ url }: RunningProxy) =>
  Effect.promise(async () => (await fetch(url.replace("/mcp", "/metrics"))).text())

/** Ends the proxy, which delivers what is left. */
const end = (proxy: RunningProxy) =>
  Effect.gen(function* () {
    yield* proxy.signal("SIGTERM")
    assert.strictEqual(yield* proxy.exited, 0, proxy.output())
  })

/** The two spans of a call: the client's request, and within it that to the server. */
const callOf = (collector: RunningCollector, tool: string): readonly [server: ReceivedSpan, client: ReceivedSpan] => {
  const named = (kind: number) =>
    collector.spans().find((span) => span.kind === kind && attributesOf(span.attributes)["gen_ai.tool.name"] === tool)
  const client = named(3)
  const server = collector.spans().find(({ spanId }) => spanId === client?.parentSpanId)
  if (client === undefined || server === undefined) throw new Error(JSON.stringify(collector.spans()))
  return [server, client]
}

describe("a proxy with a collector", () => {
  it.live(
    "traces calls from the client to local and remote servers, in spans, in logs, and in what servers are told",
    () =>
      Effect.gen(function* () {
        const collector = yield* startCollector()
        const http = yield* remote
        const proxy = yield* readyProxy({
          config: { mcpServers: { local, remote: { url: http.url, headers: { "x-key": "secret-of-the-server" } } } },
          env: environment(collector.url)
        })
        const client = yield* connect(proxy.url)
        const { sessionId = "none" } = client.transport
        const told = Effect.fnUntraced(function* (name: string) {
          const params = { name, arguments: { q: "secret-argument" }, _meta: { traceparent: PARENT, "my/x": 1 } }
          const result = yield* Effect.promise(() => client.client.callTool(params))
          return JSON.parse(textOf(result as never)) as Record<string, unknown>
        })
        const localMeta = yield* told("local_meta")
        const remoteMeta = yield* told("remote_meta")
        const remoteHeaders = yield* told("remote_headers")
        yield* Effect.ignore(call(client, "remote_html500"))
        yield* end(proxy)

        const [request, leg] = callOf(collector, "meta")
        assert.deepInclude(request, {
          traceId: TRACE,
          parentSpanId: "00f067aa0ba902b7",
          kind: 2,
          name: "tools/call local_meta"
        })
        assert.deepInclude(leg, { traceId: TRACE, parentSpanId: request.spanId, kind: 3, name: "tools/call meta" })
        assert.deepStrictEqual(localMeta, { traceparent: `00-${TRACE}-${leg.spanId}-01`, "my/x": 1 })
        assert.deepInclude(attributesOf(leg.attributes), { "network.transport": "pipe", "mcp_proxy.server": "local" })
        assert.deepInclude(attributesOf(request.attributes), {
          "mcp.method.name": "tools/call",
          "gen_ai.operation.name": "execute_tool",
          "mcp.protocol.version": "2025-11-25",
          "network.transport": "tcp"
        })

        const [, headersLeg] = callOf(collector, "headers")
        assert.strictEqual(remoteHeaders["traceparent"], `00-${TRACE}-${headersLeg.spanId}-01`)
        assert.match(String(remoteMeta["traceparent"]), new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`, "u"))
        assert.include(
          collector.spans().map(({ spanId }) => spanId),
          String(remoteMeta["traceparent"]).split("-")[2]
        )

        const [failed, failedLeg] = callOf(collector, "html500")
        assert.deepInclude(attributesOf(failedLeg.attributes), { "error.type": "1502" })

        // The log says of a call why it failed, and in which trace that is: in its own lines and in those that it exports.
        const ids = { traceId: failed.traceId, spanId: failed.spanId }
        const written = proxy
          .output()
          .split("\n")
          .find((line) => line.includes("tools/call failed"))
        assert.deepInclude(JSON.parse(written ?? "{}"), { trace_id: ids.traceId, span_id: ids.spanId })
        const exported = collector
          .lines()
          .find(({ body }) => body.stringValue?.startsWith("tools/call failed") === true)
        assert.deepInclude(exported, ids)

        const calls = collector.metrics().findLast(({ name }) => name === "mcp_proxy_calls_total")
        const counted = calls?.sum?.dataPoints.map(
          ({ asDouble, attributes }) => `${attributesOf(attributes)["tool"]} ${asDouble}`
        )
        assert.include(counted ?? [], "headers 1")

        const everything = Buffer.concat(collector.requests.map(({ body }) => body)).toString()
        assert.notInclude(everything, "secret-")
        assert.notInclude(everything, sessionId)
        assert.notInclude(proxy.output(), "secret-of")
        for (const { headers } of collector.requests)
          assert.strictEqual(headers["x-collector-key"], "secret-of-the-collector")
      }).pipe(Effect.scoped)
  )

  it.live("works as ever while the collector is away, says so once, and catches up", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const proxy = yield* readyProxy({
        config: { mcpServers: { local } },
        env: environment(`http://127.0.0.1:${port}`, { OTEL_METRICS_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none" })
      })
      const client = yield* connect(proxy.url)
      for (let time = 0; time < 20; time++) yield* call(client, "meta")
      yield* proxy.printed(/does not take traces: ECONNREFUSED/u)
      yield* call(client, "meta")
      const collector = yield* startCollector(port)
      yield* proxy.printed(/takes traces again/u)
      yield* eventually("all spans are there", () => collector.spans().length >= 42)
      // The proxy knows a moment after the collector.
      const counted = yield* Effect.map(scrape(proxy), (text) => family(text, "mcp_proxy_spans_total")).pipe(
        Effect.repeat({ until: ({ delivered = 0 }) => delivered >= 42 })
      )
      assert.deepStrictEqual(counted, { delivered: collector.spans().length, dropped: 0 })
      assert.strictEqual(proxy.output().match(/does not take traces/gu)?.length, 1)
      yield* end(proxy)
    }).pipe(Effect.scoped)
  )

  it.live("speaks protobuf and compresses where it is told to", () =>
    Effect.gen(function* () {
      const collector = yield* startCollector()
      const proxy = yield* readyProxy({
        config: { mcpServers: { local } },
        env: environment(collector.url, {
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
          OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
          OTEL_SERVICE_NAME: "my-proxy",
          OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test%20bench"
        })
      })
      yield* Effect.flatMap(connect(proxy.url), (client) => call(client, "meta"))
      yield* end(proxy)
      const metrics = collector.requests
        .filter(({ headers, path }) => path === "/v1/metrics" && headers["content-encoding"] === "gzip")
        .map(({ body }) => String(gunzipSync(body)))
      assert.isTrue(metrics.some((body) => body.includes("mcp_proxy_calls_total")))
      const traces = collector.requests.find(({ path }) => path === "/v1/traces")
      assert.strictEqual(traces?.headers["content-type"], "application/x-protobuf")
      // Small ones are not worth it.
      assert.isUndefined(traces?.headers["content-encoding"])
      const body = String(traces?.body)
      for (const word of ["my-proxy", "test bench", "tools/call meta"]) assert.include(body, word)
    }).pipe(Effect.scoped)
  )
})

describe("a proxy without a collector", () => {
  it.live("passes on what clients say of their traces, and names none in its log", () =>
    Effect.gen(function* () {
      const proxy = yield* readyProxy({ config: { mcpServers: { local } }, env: environment("") })
      const { client } = yield* connect(proxy.url)
      const meta = { traceparent: PARENT, tracestate: "a=b" }
      const result = yield* Effect.promise(() => client.callTool({ name: "meta", arguments: {}, _meta: meta }))
      assert.deepStrictEqual(JSON.parse(textOf(result as never)), meta)
      assert.notInclude(proxy.output(), "trace_id")
    }).pipe(Effect.scoped)
  )
})

describe("/metrics of a proxy", () => {
  it.live("is what is documented, and tells how servers are doing and how calls went", () =>
    Effect.gen(function* () {
      const raw = { command: process.execPath, args: [fixture("raw-stdio.ts")] }
      const proxy = yield* readyProxy({ config: { mcpServers: { raw, bad: { command: "no-such-command-anywhere" } } } })
      const client = yield* connect(proxy.url)
      yield* call(client, "raw_echo")
      yield* Effect.ignore(call(client, "raw_exit"))
      yield* proxy.printed(/raw backing off.*[^]*raw ready in/u)
      yield* call(client, "raw_echo")
      const text = yield* scrape(proxy)
      assert.deepInclude(family(text, "mcp_proxy_calls_total"), {
        "raw tools/call echo ok": 2,
        "raw tools/call exit unknown": 1
      })
      assert.strictEqual(family(text, "mcp_proxy_upstream_restarts_total")["raw"], 1)
      assert.deepInclude(family(text, "mcp_proxy_upstream_status"), { "raw ready": 1, "bad ready": 0 })
      assert.deepStrictEqual(family(text, "mcp_proxy_lanes"), { raw: 1, bad: 1 })
      assert.strictEqual(family(text, "mcp_proxy_audit_records_total")[""], 4)
      assert.isAbove(family(text, "process_resident_memory_bytes")[""] ?? 0, 1e7)

      // The loop is watched from the first reading on, and has been late after a moment.
      const again = yield* Effect.repeat(scrape(proxy), { until: (text) => text.includes("event_loop") })
      const names = new Set([...again.matchAll(/^# TYPE (\S+) /gmu)].map(([, name = ""]) => name))
      const expected = new Set(AllMetrics.families.map(({ name }) => name))
      // There is no sign-in here, and no collector.
      for (const { name } of [...Object.values(AuthMetrics.families), ...Object.values(TelemetryMetrics.families)]) {
        expected.delete(name)
      }
      assert.deepStrictEqual(names, expected)
    }).pipe(Effect.scoped)
  )
})
