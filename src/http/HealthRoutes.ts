/** Liveness and readiness. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Audit, type AuditStatus } from "../access/Audit.ts"
import * as Catalogue from "../domain/Catalogue.ts"
import { display, type ServerConfig } from "../domain/ServerConfig.ts"
import * as Status from "../domain/UpstreamStatus.ts"
import { Fleet } from "../fleet/Fleet.ts"
import * as Reload from "../fleet/Reload.ts"
import { Sessions } from "../gateway/Sessions.ts"
import { VERSION } from "../observability/Version.ts"
import * as Restraint from "../upstream/Restraint.ts"
import type { Upstream } from "../upstream/Upstream.ts"
import { Draining } from "./Draining.ts"
import { HealthApi, type Readiness, type ServerReport } from "./HealthApi.ts"
import * as Operator from "./Operator.ts"

const TRANSPORT = { Stdio: "stdio", Http: "http", Sse: "sse", Unusable: "-" } as const

/** One server as an operator sees it, at `now` (epoch milliseconds). */
export const report = (config: ServerConfig, upstream: Upstream["Service"], now: number): ServerReport => {
  const { catalogue, note, startMillis, status } = SubscriptionRef.getUnsafe(upstream.state)
  const held = upstream.restraint.heldAt(now)
  const notes = [held === undefined ? undefined : Restraint.describe(held, now), note].filter(Predicate.isNotUndefined)
  return {
    name: config.id,
    description: config.description === undefined ? null : display(config.description),
    status: Status.label(status),
    detail: Status.describe(status, now),
    failure: Status.failureOf(status) ?? held?.failure ?? null,
    circuit: upstream.restraint.circuitAt(now),
    transport: TRANSPORT[config.transport._tag],
    isolation: config.isolation,
    ...Catalogue.counts(Catalogue.offered(catalogue.lists, config)),
    startMillis: startMillis ?? null,
    note: notes.length === 0 ? null : notes.join("; ")
  }
}

/** What of the audit trail's state is shown. */
export const auditReport = ({ fault, lost, waiting }: AuditStatus, mayKnow: boolean): Pick<Readiness, "audit"> => {
  if (mayKnow) return { audit: { waiting, lost, fault: fault ?? null } }
  return lost > 0 ? { audit: { lost } } : {}
}

/** Whether the files as they are now are in force. */
const configurationReport = (reload: Option.Option<Reload.Reload["Service"]>): Pick<Readiness, "configuration"> =>
  Option.match(reload, {
    onNone: () => ({}),
    onSome: ({ state }) => {
      const { loadedAt, overdue, path, problem } = state()
      return { configuration: { path, loadedAt, problem: problem ?? null, takesEffectAtRestart: overdue } }
    }
  })

export const layer = HttpApiBuilder.group(
  HealthApi,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const fleet = yield* Fleet
    const sessions = yield* Sessions
    const draining = yield* Draining
    const audit = yield* Audit
    const reload = yield* Reload.optional
    const { isOperator } = yield* Operator.make

    return handlers.handleAll({
      health: () => Effect.succeed({ status: "healthy", service: "mcp-proxy" } as const),
      ready: Effect.fnUntraced(function* ({ request }) {
        const now = yield* Clock.currentTimeMillis
        const mayKnow = yield* isOperator(request)
        const configured = fleet.config().servers
        const upstreams = configured.flatMap((config) => {
          const upstream = fleet.shared(config.id)
          return upstream === undefined ? [] : [report(config, upstream, now)]
        })
        const count = (status: Status.UpstreamStatus["_tag"]): number =>
          configured.filter(({ id }) => {
            const upstream = fleet.shared(id)
            return upstream !== undefined && SubscriptionRef.getUnsafe(upstream.state).status._tag === status
          }).length
        const readiness: Readiness = {
          status: draining.isOn() ? "draining" : "ready",
          service: "mcp-proxy",
          version: VERSION,
          servers: {
            total: upstreams.length,
            ready: count("Ready"),
            starting: count("Starting"),
            backingOff: count("BackingOff"),
            failed: count("Failed")
          },
          sessions: [...sessions.all()].length,
          ...auditReport(audit.status(), mayKnow),
          ...(mayKnow ? { upstreams, ...configurationReport(reload) } : {})
        }
        return yield* draining.isOn() ? Effect.fail(readiness) : Effect.succeed(readiness)
      })
    })
  })
)
