/** What is measured has names as Prometheus would have them, and the page about it names nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import * as AllMetrics from "../../src/cli/AllMetrics.ts"
import { OUTCOMES } from "../../src/domain/AuditRecord.ts"

const page = readFileSync(join(resolve(import.meta.dirname, "../.."), "docs/observability.md"), "utf8")

describe("a metric", () => {
  it.each(AllMetrics.families)("$name is named by Prometheus' conventions, once, and explained", (family) => {
    const { help, labels, name, type } = family
    assert.match(name, /^(?:mcp_proxy|process)(?:_[a-z]+)+$/u)
    assert.strictEqual(name.endsWith("_total"), type === "counter")
    if (type === "histogram") assert.match(name, /_(?:seconds|bytes)$/u)
    for (const label of labels) assert.match(label, /^[a-z]+$/u)
    assert.strictEqual(new Set(labels).size, labels.length)
    assert.match(help, /^[A-Z].*[.)]$/u)
    assert.strictEqual(AllMetrics.families.filter((other) => other.name === name).length, 1)
  })
})

describe("docs/observability.md", () => {
  it("speaks of metrics that there are, with labels that they have", () => {
    const families = new Map(AllMetrics.families.map((family) => [family.name, family]))
    const named = [...page.matchAll(/\b((?:mcp_proxy|process)_[a-z_]+)(\{[^}]*\})?/gu)]
    assert.isAbove(named.length, families.size)
    for (const [, name = "", selector = ""] of named) {
      const family = families.get(name) ?? families.get(name.replace(/_bucket$/u, ""))
      assert.isDefined(family, name)
      for (const [, label = ""] of selector.matchAll(/([a-z_]+)(?:=~?|!=)"/gu))
        assert.include(family?.labels, label, name)
    }
  })

  it("speaks of outcomes that there are", () => {
    const named = [...page.matchAll(/outcome=~?"([^"]+)"/gu)].flatMap(([, all = ""]) => all.split("|"))
    assert.isAbove(named.length, 0)
    for (const outcome of named) assert.include(OUTCOMES, outcome)
  })
})
