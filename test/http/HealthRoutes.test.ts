/** What `/ready` says to whom. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Catalogue from "../../src/domain/Catalogue.ts"
import type { UpstreamStatus } from "../../src/domain/UpstreamStatus.ts"
import { auditReport, report } from "../../src/http/HealthRoutes.ts"
import { Restraint } from "../../src/upstream/Restraint.ts"
import type { Upstream } from "../../src/upstream/Upstream.ts"
import { serverConfig } from "../support/connections.ts"

const well = { waiting: 3, lost: 0, fault: undefined }
const ill = { waiting: 10_001, lost: 7, fault: "/home/ada/audit.db: disk full" }

describe("the audit trail in /ready", () => {
  it("is shown in full to this machine", () => {
    assert.deepStrictEqual(auditReport(well, true), { audit: { waiting: 3, lost: 0, fault: null } })
    assert.deepStrictEqual(auditReport(ill, true), {
      audit: { waiting: 10_001, lost: 7, fault: "/home/ada/audit.db: disk full" }
    })
  })

  it("shows others that records were lost, and no more", () => {
    assert.deepStrictEqual(auditReport(well, false), {})
    assert.deepStrictEqual(auditReport(ill, false), { audit: { lost: 7 } })
  })
})

describe("a server in /ready", () => {
  const seen = Effect.fnUntraced(function* (status: UpstreamStatus, restraint: Restraint, note?: string) {
    const state = yield* SubscriptionRef.make({
      status,
      peer: undefined,
      catalogue: Catalogue.empty,
      hints: {},
      startMillis: undefined,
      note
    })
    const upstream = { state, restraint } as Partial<Upstream["Service"]> as Upstream["Service"]
    const { circuit, detail, failure, note: notes } = report(serverConfig(), upstream, 1000)
    return { circuit, detail, failure, note: notes }
  })

  it.effect("that is well has nothing against it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* seen({ _tag: "Ready" }, new Restraint(false)), {
        circuit: "closed",
        detail: "ready",
        failure: null,
        note: null
      })
    })
  )

  it.effect("that is down is shown with the class of its failure", () =>
    Effect.gen(function* () {
      const status = { _tag: "Failed", failure: "credentials", reason: "HTTP 401", retryAt: 4000 } as const
      const { detail, failure } = yield* seen(status, new Restraint(false))
      assert.strictEqual(failure, "credentials")
      assert.strictEqual(detail, "failed (credentials refused; a call may try again in 3 s): HTTP 401")
    })
  )

  it.effect("that is up and not called is shown with why, beside what else there is to note", () =>
    Effect.gen(function* () {
      const restraint = new Restraint({ failures: 1, restMillis: 10_000 })
      restraint.failed(restraint.ticket, 0, { failure: "timeout", reason: "it did not answer in time" })
      assert.deepStrictEqual(yield* seen({ _tag: "Ready" }, restraint, "it asked somebody"), {
        circuit: "open",
        detail: "ready",
        failure: "timeout",
        note: "not called for another 9 s: calls to it kept failing, at last because it did not answer in time; it asked somebody"
      })
    })
  )
})
