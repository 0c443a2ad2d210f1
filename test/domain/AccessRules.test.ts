/** Whose entry is whose, and who is let in. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { type AccessRules, compile, count, isOpen, type Somebody } from "../../src/domain/AccessRules.ts"
import { anonymous } from "../../src/domain/Principal.ts"
import { rulesOf } from "../support/memoryGateway.ts"

const person = (email: string, hostedDomain?: string): Somebody => ({
  kind: "person",
  displayName: email,
  email,
  ...(hostedDomain === undefined ? {} : { hostedDomain })
})
const machine = (displayName: string): Somebody => ({ kind: "machine", displayName })

/** An entry that one can tell from others by its only server. */
const entry = (name: string) => ({ allowed_servers: [name] })
const whose = (rules: AccessRules, who: Somebody): string | undefined => {
  const { admitted, grants } = compile(rules)(who)
  if (!admitted) return undefined
  return grants[0]?.allowed_tools?.[0] === "*" ? "everything" : (grants[0]?.allowed_servers?.[0] ?? "nothing")
}

const file = rulesOf({
  "Ann@Example.com": entry("ann"),
  "@example.com": entry("domain"),
  "@corp.test": entry("corp"),
  "*": entry("anyone"),
  "ci-bot": entry("bot")
})
const { "*": _, ...closed } = {
  "ann@example.com": entry("ann"),
  "@example.com": entry("domain"),
  "ci-bot": entry("bot"),
  "*": entry("anyone")
}
const lists = (emails: ReadonlyArray<string>, domains: ReadonlyArray<string>, of: AccessRules["file"] = undefined) => ({
  file: of,
  emails: new Set(emails),
  domains: new Set(domains)
})

describe("a person's entry", () => {
  it("is that of the e-mail, else of the domain, else anyone's", () => {
    assert.strictEqual(whose(file, person("ann@example.com")), "ann")
    assert.strictEqual(whose(file, person("ANN@EXAMPLE.COM")), "ann")
    assert.strictEqual(whose(file, person("bob@example.com")), "domain")
    assert.strictEqual(whose(file, person("bob@sub.example.com")), "anyone", "a domain is not its parent")
    assert.strictEqual(whose(file, person("bob@elsewhere.org")), "anyone")
    assert.isUndefined(whose(rulesOf(closed), person("bob@elsewhere.org")))
  })

  it("by domain is that of the organisation, else of the e-mail", () => {
    assert.strictEqual(whose(file, person("bob@gmail.com", "corp.test")), "corp")
    assert.strictEqual(whose(file, person("bob@example.com", "CORP.test")), "corp")
    assert.strictEqual(whose(file, person("bob@example.com", "other.test")), "domain")
  })

  it("adds nothing to a more specific one", () => {
    const rules = rulesOf({
      "ann@example.com": {},
      "@example.com": { allowed_tools: ["*"] },
      "*": { roles: ["admin"] }
    })
    const ann = compile(rules)(person("ann@example.com"))
    assert.deepStrictEqual([ann.admitted, ann.isAdmin, ann.grants], [true, false, [{}]])
  })

  it("is not found by what is no e-mail", () => {
    const rules = rulesOf(closed)
    for (const email of ["ci-bot", "@example.com", "*", "", "@", "example.com", "roles", "constructor"]) {
      assert.isUndefined(whose(rules, person(email)), email)
    }
    assert.isUndefined(whose(rules, { kind: "person", displayName: "ann@example.com" }), "a name proves nothing")
    assert.isUndefined(whose(lists([""], [""]), person("")))
  })

  it("is one object for all whose entry it is, so that what is computed for one serves all", () => {
    const of = compile(file)
    assert.strictEqual(of(person("bob@example.com")), of(person("eve@example.com")))
    assert.notStrictEqual(of(person("bob@example.com")), of(person("ann@example.com")))
  })
})

describe("roles", () => {
  const rules = rulesOf({
    roles: { reader: { allowed_servers: ["docs"] }, guest: { denied_tools: ["x"] } },
    "ann@example.com": { roles: ["reader", "guest", "admin"], allowed_servers: ["own"] },
    "bob@example.com": {}
  })

  it("stand beside what the entry itself says", () => {
    const { grants } = compile(rules)(person("ann@example.com"))
    assert.deepStrictEqual(grants.slice(1), [{ allowed_servers: ["docs"] }, { denied_tools: ["x"] }])
  })

  it("make an admin of those who have that one, whatever they may use", () => {
    assert.isTrue(compile(rules)(person("ann@example.com")).isAdmin)
    assert.isFalse(compile(rules)(person("bob@example.com")).isAdmin)
  })
})

describe("the lists of the environment", () => {
  it("alone let in those who are listed, to everything, and nobody else", () => {
    const rules = lists(["ann@example.com"], ["corp.test"])
    assert.strictEqual(whose(rules, person("Ann@example.com")), "everything")
    assert.strictEqual(whose(rules, person("bob@corp.test")), "everything")
    assert.strictEqual(whose(rules, person("bob@gmail.com", "corp.test")), "everything")
    assert.isUndefined(whose(rules, person("bob@example.com")))
  })

  it("count for those of whom the file says nothing; of others the file decides", () => {
    const rules = lists(["ann@example.com", "zoe@other.org", "bob@example.com"], [], rulesOf(closed).file)
    assert.strictEqual(whose(rules, person("zoe@other.org")), "everything")
    assert.strictEqual(whose(rules, person("ann@example.com")), "ann")
    assert.strictEqual(whose(rules, person("bob@example.com")), "domain")
    assert.strictEqual(whose({ ...rules, file: file.file }, person("zoe@other.org")), "anyone")
  })
})

describe("a machine credential", () => {
  it("has the entry of its name, else anyone's, and no person's or domain's", () => {
    assert.strictEqual(whose(file, machine("ci-bot")), "bot")
    assert.strictEqual(whose(file, machine("CI-bot")), "anyone", "names are taken as they are written")
    assert.strictEqual(whose(file, machine("ann@example.com")), "anyone")
    assert.strictEqual(whose(file, machine("@example.com")), "anyone")
    assert.isUndefined(whose(rulesOf(closed), machine("ann@example.com")))
    assert.isUndefined(whose(rulesOf(closed), machine("other")))
    assert.isUndefined(whose(rulesOf(closed), machine("*")))
  })

  it("may do everything where no file says otherwise: lists are about people", () => {
    assert.strictEqual(whose(lists(["ann@example.com"], []), machine("ci-bot")), "everything")
    assert.isUndefined(whose(lists(["ci-bot"], [], rulesOf(closed).file), machine("other")))
  })
})

describe("nobody's rules", () => {
  it("let everyone in, to everything", () => {
    assert.isTrue(isOpen(lists([], [])))
    assert.strictEqual(whose(lists([], []), person("x@y.z")), "everything")
    assert.isFalse(isOpen(rulesOf({})))
    assert.isUndefined(whose(rulesOf({}), person("x@y.z")), "an empty file is a file")
  })

  it("are everybody's where sign-in is off, whatever the file says, but make no admin", () => {
    assert.strictEqual(whose(rulesOf({}), anonymous), "everything")
    assert.isFalse(compile(rulesOf({ "*": { roles: ["admin"] } }))(anonymous).isAdmin)
  })
})

describe("the count", () => {
  it("names everybody once", () => {
    const rules = lists(["ann@example.com", "zoe@x.org"], ["example.com", "y.org"], file.file)
    assert.deepStrictEqual(count(rules), { people: 2, domains: 3, machines: 1, anyone: true })
    assert.deepStrictEqual(count(lists([], [])), { people: 0, domains: 0, machines: 0, anyone: false })
  })
})

describe("whoever asks", () => {
  it("is let in by a file alone only if one of its keys is theirs", () => {
    const key = fc.constantFrom<string>("a@x.com", "b@x.com", "@x.com", "@y.com", "bot")
    const email = fc.constantFrom<string>("a@x.com", "b@x.com", "c@x.com", "c@y.com", "bot")
    fc.assert(
      fc.property(fc.uniqueArray(key), email, (keys, asked) => {
        const rules = rulesOf(Object.fromEntries(keys.map((one) => [one, {}])))
        const domain = asked.includes("@") ? `@${asked.split("@")[1]}` : "none"
        const expected = (asked.includes("@") && keys.includes(asked)) || keys.includes(domain)
        assert.strictEqual(compile(rules)(person(asked)).admitted, expected)
      })
    )
  })
})
