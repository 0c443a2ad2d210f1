/** Who may read /metrics, and what everybody else is told. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import * as AccessPolicy from "../../src/access/AccessPolicy.ts"
import type { AccessRules } from "../../src/domain/AccessRules.ts"
import { Gatekeeper } from "../../src/auth/Gatekeeper.ts"
import { Address } from "../../src/http/Address.ts"
import { notFound } from "../../src/http/McpRoutes.ts"
import * as MetricsRoutes from "../../src/http/MetricsRoutes.ts"
import * as Metrics from "../../src/observability/Metrics.ts"
import { family } from "../support/scrape.ts"
import * as Served from "../support/served.ts"

const TOKEN = "scrape-me-if-you-can"

const rules = (roles: ReadonlyArray<string>): AccessRules => ({
  file: { roles: new Map(), entries: new Map([["robot", { roles, allowed_tools: ["*"] }]]) },
  emails: new Set(),
  domains: new Set()
})

/** As a reverse proxy on this machine passes on what comes from elsewhere. */
const FROM_ELSEWHERE = { "x-forwarded-for": "203.0.113.7" }

const bearer = (token: string) => ({ ...FROM_ELSEWHERE, authorization: `Bearer ${token}` })

describe("/metrics", () => {
  it.live("is for this machine, for administrators, and for who shows the token", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ rules: rules(["admin"]), metricsToken: TOKEN })
      const status = (headers: Readonly<Record<string, string>>) =>
        Effect.map(served.ask("/metrics", { headers }), ({ status }) => status)
      const here = yield* served.ask("/metrics")
      assert.strictEqual(here.status, 200)
      assert.strictEqual(here.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
      assert.strictEqual(here.headers["cache-control"], "no-store")
      assert.deepStrictEqual(family(here.body, "mcp_proxy_sessions"), { "": 0 })
      assert.strictEqual(yield* status(bearer(TOKEN)), 200)
      assert.strictEqual(yield* status({ ...FROM_ELSEWHERE, authorization: `bearer  ${TOKEN} ` }), 200)
      assert.strictEqual(yield* status(bearer(Served.MACHINE_KEY)), 200)
      yield* served.replace(rules([]))
      assert.strictEqual(yield* status(bearer(Served.MACHINE_KEY)), 401)
      for (const wrong of ["", "x", `${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase()]) {
        assert.strictEqual(yield* status(bearer(wrong)), 401, wrong)
      }
      assert.strictEqual(yield* status({ ...FROM_ELSEWHERE, authorization: `Basic ${TOKEN}` }), 401)
    }).pipe(Effect.scoped)
  )

  it.live("tells others no more than that they are nobody", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ metricsToken: TOKEN })
      const { body, headers, status } = yield* served.ask("/metrics", { headers: FROM_ELSEWHERE })
      assert.deepStrictEqual([status, headers["www-authenticate"], body], [401, "Bearer", "Unauthorized\n"])
    }).pipe(Effect.scoped)
  )

  it.live("is no MCP endpoint: the token opens nothing else, and a foreign Host not even this", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ metricsToken: TOKEN })
      const headers = { ...bearer(TOKEN), "content-type": "application/json" }
      assert.strictEqual((yield* served.ask("/mcp", { method: "POST", headers, body: "{}" })).status, 401)
      const { body } = yield* served.ask("/ready", { headers })
      assert.notProperty(JSON.parse(body), "upstreams")
      assert.strictEqual((yield* served.ask("/metrics", { headers: { ...headers, host: "evil.example" } })).status, 403)
    }).pipe(Effect.scoped)
  )

  it.live("is below the path prefix, and only there", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ pathPrefix: "/team-a" })
      assert.strictEqual((yield* served.ask("/team-a/metrics")).status, 200)
      assert.strictEqual((yield* served.ask("/metrics")).status, 404)
    }).pipe(Effect.scoped)
  )

  it.live("counts the sign-ins of people, and the tokens that are shown", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const ann = yield* Served.signedIn(served, "Ann")
      const show = (token: string) => served.ask("/mcp", { method: "POST", headers: bearer(token) })
      yield* show("made-up")
      for (let time = 0; time < 3; time++) yield* show(ann.access_token)
      yield* served.ask("/revoke", Served.form({ client_id: ann.client, token: ann.refresh_token }))
      yield* show(ann.access_token)
      const { body } = yield* served.ask("/metrics")
      assert.deepStrictEqual(family(body, "mcp_proxy_sign_ins_total"), { ok: 1 })
      const verifications = Object.entries(family(body, "mcp_proxy_token_verifications_total"))
      assert.deepStrictEqual(Object.fromEntries(verifications.filter(([, count]) => count > 0)), {
        "invalid false": 1,
        "ok false": 1,
        "ok true": 2,
        "revoked true": 1
      })
    }).pipe(Effect.scoped)
  )
})

describe("/metrics without sign-in and without a token", () => {
  it.live("is nowhere for other machines: nothing that they could show would help", () =>
    Effect.gen(function* () {
      const address = { host: "127.0.0.1", port: 0, baseUrl: "http://localhost", pathPrefix: "" }
      const routes = Layer.merge(MetricsRoutes.layer({}), notFound).pipe(
        Layer.provide(
          Layer.mergeAll(
            Gatekeeper.layerOpen,
            AccessPolicy.layerEveryone,
            Layer.succeed(Address, address),
            Metrics.layer
          )
        )
      )
      const { dispose, handler } = HttpRouter.toWebHandler(routes, { disableLogger: true })
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      const ask = (path: string) =>
        Effect.promise(async () => {
          const answer = await handler(
            new Request(`http://localhost${path}`, { headers: { authorization: `Bearer ${TOKEN}` } }),
            Context.empty()
          )
          return [answer.status, [...answer.headers], await answer.text()]
        })
      assert.deepStrictEqual(yield* ask("/metrics"), yield* ask("/no-such-thing"))
      assert.strictEqual((yield* ask("/metrics"))[0], 404)
    }).pipe(Effect.scoped)
  )
})
