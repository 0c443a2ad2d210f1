/** What `/ready` says to whom. */
import { assert, describe, it } from "@effect/vitest"
import { auditReport } from "../../src/http/HealthRoutes.ts"

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
