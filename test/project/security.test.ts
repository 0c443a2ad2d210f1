/** docs/security.md promises nothing that no test holds: every test that it names is there. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")

/** The tests that a text names: `file` group › name. */
const named = (text: string) =>
  [...text.matchAll(/`(test\/[^`]+)` (.+?) › (.+?)(?=<br>| *\|)/gu)].map(([, file = "", group = "", name = ""]) => ({
    file,
    group,
    name
  }))

/** What is wrong with one of them. */
const problem = ({ file, group, name }: ReturnType<typeof named>[number]): string | undefined => {
  const path = join(root, file)
  if (!existsSync(path)) return `${file} does not exist`
  const source = readFileSync(path, "utf8")
  const [, ...groups] = source.split(/^describe/mu)
  const titled = (text: string, title: string): boolean => text.includes(JSON.stringify(title))
  const own = groups.filter((text) => titled(text.split("\n")[0] ?? "", group))
  if (own.length === 0) return `${file} has no group ${group}`
  return own.some((text) => titled(text, name)) ? undefined : `${file} › ${group} has no test ${name}`
}

describe("docs/security.md", () => {
  const text = readFileSync(join(root, "docs/security.md"), "utf8")
  const rows = text.split("\n").filter((line) => /^\| (?!threat|-)/u.test(line))

  it("names a test for each threat, and every one of them exists", () => {
    assert.isAbove(rows.length, 45)
    for (const row of rows) assert.isNotEmpty(named(row), row)
    const problems = named(text).flatMap((one) => problem(one) ?? [])
    assert.deepStrictEqual(problems, [])
  })

  it("would be found out if one did not", () => {
    const file = "test/http/HostileFlow.test.ts"
    const wrong = [
      { file: "test/http/Nothing.test.ts", group: "a callback", name: "is taken once" },
      { file, group: "a nothing", name: "is taken once" },
      { file, group: "a callback", name: "is taken twice" },
      { file, group: "a code", name: "is taken once" }
    ]
    for (const one of wrong) assert.isDefined(problem(one), JSON.stringify(one))
    assert.isUndefined(problem({ file, group: "a callback", name: "is taken once" }))
  })

  it("names each test in full: none is left over beside what is read", () => {
    assert.strictEqual(named(text).length, [...rows.join("\n").matchAll(/`test\/[^`]+`/gu)].length)
  })
})
