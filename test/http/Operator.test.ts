/** What only the operator is told over HTTP. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Served from "../support/served.ts"
import type { AccessRules } from "../../src/domain/AccessRules.ts"

const rules = (roles: ReadonlyArray<string>): AccessRules => ({
  file: { roles: new Map(), entries: new Map([["robot", { roles, allowed_tools: ["*"] }]]) },
  emails: new Set(),
  domains: new Set()
})

/** As a reverse proxy on this machine passes on what comes from elsewhere. */
const FROM_ELSEWHERE = { "x-forwarded-for": "203.0.113.7" }

const detail = (served: Served.Served, headers: Readonly<Record<string, string>>) =>
  Effect.map(served.ask("/ready", { headers }), ({ body }) => "upstreams" in (JSON.parse(body) as object))

describe("the servers in /ready", () => {
  it.live("are named to this machine and to administrators, and to nobody else", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve({ rules: rules(["admin"]) })
      const admin = { ...FROM_ELSEWHERE, authorization: `Bearer ${Served.MACHINE_KEY}` }
      assert.isTrue(yield* detail(served, {}))
      assert.isFalse(yield* detail(served, FROM_ELSEWHERE))
      assert.isFalse(yield* detail(served, { ...FROM_ELSEWHERE, authorization: "Bearer made-up" }))
      assert.isTrue(yield* detail(served, admin))
      yield* served.replace(rules([]))
      assert.isFalse(yield* detail(served, admin))
    }).pipe(Effect.scoped)
  )
})
