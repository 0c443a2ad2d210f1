/** The rules: what one grant allows, that nothing outweighs a denial, and that roles only ever add. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Permissions from "../../src/domain/Permissions.ts"
import * as RuleNames from "../../src/domain/RuleNames.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import type { Grant } from "../../src/domain/UsersFile.ts"
import * as View from "../../src/domain/View.ts"

const several = View.schemeFor("auto", 2)

const of = (...grants: ReadonlyArray<Grant>): Permissions.Permissions => ({ admitted: true, isAdmin: false, grants })

/** May they use it? Written as `tools files/read`. */
const may = (permissions: Permissions.Permissions, item: string, scheme = several): boolean => {
  const [, kind = "", server = "", own = ""] = /^(\w+) ([^/]+)\/(.*)$/u.exec(item) ?? []
  return Permissions.mayUse(permissions, scheme, kind as RuleNames.Ruled, ServerId.make(server), own)
}

const ITEMS = ["tools files/read", "prompts files/sum", "resources files/file:///a", "tools web/get", "prompts web/sum"]
const usable = (...grants: ReadonlyArray<Grant>) => ITEMS.filter((item) => may(of(...grants), item))

describe("one grant", () => {
  it("without any list allows nothing", () => assert.deepStrictEqual(usable({}), []))

  it('with allowed_tools ["*"] alone, as the seed wrote it, allows everything', () => {
    assert.deepStrictEqual(usable({ allowed_tools: ["*"] }), ITEMS)
    assert.deepStrictEqual(usable({ allowed_tools: ["*", "other"] }), ITEMS)
  })

  it('with allowed_tools ["*"] beside other lists is held to those', () => {
    assert.deepStrictEqual(usable({ allowed_tools: ["*"], allowed_servers: ["files"] }), ITEMS.slice(0, 3))
    assert.deepStrictEqual(usable({ allowed_tools: ["*"], allowed_prompts: [] }), [ITEMS[0], ITEMS[2], ITEMS[3]])
  })

  it("with servers alone allows everything of theirs", () => {
    assert.deepStrictEqual(usable({ allowed_servers: ["files"] }), ITEMS.slice(0, 3))
    assert.deepStrictEqual(usable({ allowed_servers: ["w*"] }), ITEMS.slice(3))
    assert.deepStrictEqual(usable({ allowed_servers: [] }), [])
  })

  it("with servers and a list allows of that kind what is in both, and of the others all", () => {
    assert.deepStrictEqual(usable({ allowed_servers: ["files"], allowed_tools: ["web/get"] }), ITEMS.slice(1, 3))
    assert.deepStrictEqual(usable({ allowed_servers: ["files"], allowed_tools: ["read"] }), ITEMS.slice(0, 3))
    assert.deepStrictEqual(usable({ allowed_servers: ["files"], allowed_tools: [] }), ITEMS.slice(1, 3))
  })

  it("with a list alone allows what matches it as it is shown, and nothing of other kinds", () => {
    assert.deepStrictEqual(usable({ allowed_tools: ["files_read"] }), [ITEMS[0]])
    assert.deepStrictEqual(usable({ allowed_tools: ["files/*"] }), [ITEMS[0]])
    assert.deepStrictEqual(usable({ allowed_prompts: ["*_sum"] }), [ITEMS[1], ITEMS[4]])
    assert.deepStrictEqual(usable({ allowed_resources: ["file://files/*"] }), [ITEMS[2]])
    assert.deepStrictEqual(usable({ allowed_resources: ["files/file:///*"] }), [ITEMS[2]])
  })

  it("is not widened by what another server calls its own", () => {
    assert.isFalse(may(of({ allowed_tools: ["files_*"] }), "tools web/files_read"), "shown as web_files_read")
    assert.isTrue(may(of({ allowed_servers: ["*"], allowed_tools: ["files_*"] }), "tools web/files_read"))
    assert.isTrue(may(of({ allowed_tools: ["*"], denied_tools: ["files_*"] }), "tools web/get"))
    assert.isFalse(may(of({ allowed_tools: ["*"], denied_tools: ["files_*"] }), "tools web/files_read"), "a denial is")
  })

  it("calls a server by its key or as it stands in names, and never takes a slash in a key for one after it", () => {
    const url = ServerId.make("files/x y")
    const ask = (grant: Grant) => Permissions.mayUse(of(grant), several, "tools", url, "read")
    assert.isTrue(ask({ allowed_servers: ["files/x y"] }))
    assert.isTrue(ask({ allowed_servers: ["files_x_y"] }))
    assert.isTrue(ask({ allowed_tools: ["files_x_y/read"] }))
    assert.isFalse(ask({ allowed_tools: ["files/*"] }))
    assert.isFalse(ask({ allowed_tools: ["*"], denied_tools: ["files/*"] }), "what could be meant by a denial is")
  })
})

describe("a tool whose name is too long for clients", () => {
  const long = "read_".repeat(20)

  it("is allowed and denied by its whole name as well as by the short one", () => {
    for (const name of [`files_${long}`, "files_*read_", `files/${long}`]) {
      assert.isTrue(may(of({ allowed_tools: [name] }), `tools files/${long}`), name)
      assert.isFalse(may(of({ allowed_tools: ["*"], denied_tools: [name] }), `tools files/${long}`), name)
    }
  })
})

describe("naming by collisions", () => {
  const scheme = View.schemeFor("collisions", 2)

  it("makes no difference to a rule: the name may have its prefix today or not", () => {
    for (const name of ["read", "files_read", "files/read"]) {
      assert.isTrue(may(of({ allowed_tools: [name] }), "tools files/read", scheme), name)
      assert.isFalse(may(of({ allowed_tools: ["*"], denied_tools: [name] }), "tools files/read", scheme), name)
    }
  })
})

describe("a resource", () => {
  const docs = of({ allowed_servers: ["files"], allowed_resources: ["file:///docs/*"] })
  const noKeys = of({ allowed_tools: ["*"], denied_resources: ["file:///keys/*", "file:///etc/passwd"] })

  it.each(["file:///docs/../keys/k", "file:///docs/%2e%2e/keys/k", "file:///docs/..%2fkeys", "file:///docs\\..\\keys"])(
    "is not allowed by what only looks as if it were inside: %s",
    (uri) => assert.isFalse(may(docs, `resources files/${uri}`))
  )

  it.each([
    "file:///keys/k",
    "FILE:///keys/k",
    "file:///KEYS/k",
    "file://localhost/keys/k",
    "file:///%6beys/k",
    "file:///%256beys/k",
    "file:////keys/k",
    "file:/keys/k",
    "file:///x/../keys/k",
    "file:///etc/passwd?x",
    "file:///etc/passwd/",
    "file:///etc/passwd#x"
  ])("is denied however it is spelled: %s", (uri) => assert.isFalse(may(noKeys, `resources files/${uri}`)))

  it("that is neither stays within reach", () => {
    assert.isTrue(may(docs, "resources files/file:///docs/a%20b"))
    assert.isTrue(may(docs, "resources files/file:///docs/{name}"))
    assert.isTrue(may(noKeys, "resources files/file:///keysmith"))
  })

  it("may be spelled as one likes by those whom no rule concerns", () => {
    assert.isTrue(may(Permissions.everything, "resources files/file:///x/../y"))
  })
})

const word = fc.constantFrom("files", "web", "a", "read", "get", "sum")
const patternOf = fc.oneof(
  fc.constantFrom("*", "files/*", "files_*", "web_*", "*_read", "*read*", "file:///*", "file://files/*", "w*"),
  word,
  fc.tuple(word, fc.constantFrom("_", "/"), word).map((parts) => parts.join(""))
)
const list = fc.option(fc.array(patternOf, { maxLength: 3 }), { nil: undefined })
const LISTS = [
  "allowed_servers",
  "allowed_tools",
  "allowed_prompts",
  "allowed_resources",
  "denied_servers",
  "denied_tools",
  "denied_prompts",
  "denied_resources"
] as const
const grant: fc.Arbitrary<Grant> = fc
  .tuple(...LISTS.map(() => list))
  .map((values) =>
    Object.fromEntries(values.flatMap((value, index) => (value === undefined ? [] : [[LISTS[index], value]])))
  )
const grants = fc.array(grant, { maxLength: 3 })
const scheme = fc.constantFrom(several, View.schemeFor("auto", 1), View.schemeFor("collisions", 2))
const server = fc.constantFrom("files", "web", "a", "a b").map((name) => ServerId.make(name))
const kind = fc.constantFrom(...RuleNames.RULED)
const own = fc.constantFrom("read", "get", "files_read", "a", "file:///a", "file:///docs/read", "x:y", "notes/a")

const allowing = ({ allowed_prompts, allowed_resources, allowed_servers, allowed_tools }: Grant): Grant => ({
  ...(allowed_servers === undefined ? {} : { allowed_servers }),
  ...(allowed_tools === undefined ? {} : { allowed_tools }),
  ...(allowed_prompts === undefined ? {} : { allowed_prompts }),
  ...(allowed_resources === undefined ? {} : { allowed_resources })
})

describe("all rules", () => {
  it("let a denial win, whoever allows what it denies, and wherever it stands", () => {
    fc.assert(
      fc.property(grants, fc.nat(3), scheme, kind, server, own, (all, at, how, what, where, name) => {
        const denied = { [`denied_${what}`]: [`${where}/${name}`] }
        const more = [...all.slice(0, at), denied, ...all.slice(at), { allowed_tools: ["*"] }]
        assert.isFalse(Permissions.mayUse(of(...more), how, what, where, name))
        assert.isFalse(Permissions.mayUse(of({ denied_servers: [where] }, ...more), how, what, where, name))
      })
    )
  })

  it("only ever add with another role, but for what it denies", () => {
    fc.assert(
      fc.property(grants, grant, scheme, kind, server, own, (all, role, how, what, where, name) => {
        const before = Permissions.mayUse(of(...all), how, what, where, name)
        const after = Permissions.mayUse(of(...all, allowing(role)), how, what, where, name)
        assert.isTrue(!before || after)
        const whole = Permissions.mayUse(of(...all, role), how, what, where, name)
        const aloneDenied = !Permissions.mayUse(
          of({
            ...role,
            ...allowing({}),
            allowed_servers: ["*"],
            allowed_tools: ["*"],
            allowed_prompts: ["*"],
            allowed_resources: ["*"]
          }),
          how,
          what,
          where,
          name
        )
        assert.strictEqual(whole, after && !aloneDenied)
      })
    )
  })

  it("do not depend on the order of roles, nor on a role twice", () => {
    fc.assert(
      fc.property(grants, scheme, kind, server, own, (all, how, what, where, name) => {
        const straight = Permissions.mayUse(of(...all), how, what, where, name)
        assert.strictEqual(Permissions.mayUse(of(...[...all].reverse()), how, what, where, name), straight)
        assert.strictEqual(Permissions.mayUse(of(...all, ...all), how, what, where, name), straight)
      })
    )
  })

  it("add with another pattern in an allowed list that is there, and take with one in a denied list", () => {
    fc.assert(
      fc.property(grant, patternOf, scheme, kind, server, own, (one, pattern, how, what, where, name) => {
        const permitted = (grant: Grant) => Permissions.mayUse(of(grant), how, what, where, name)
        const key = `allowed_${what}` as const
        if (one[key] !== undefined)
          assert.isTrue(!permitted(one) || permitted({ ...one, [key]: [...one[key], pattern] }))
        const denied = `denied_${what}` as const
        assert.isTrue(permitted(one) || !permitted({ ...one, [denied]: [...(one[denied] ?? []), pattern] }))
      })
    )
  })

  it("reach a server wherever something of it may be used", () => {
    fc.assert(
      fc.property(grants, scheme, kind, server, own, (all, how, what, where, name) => {
        if (!Permissions.mayUse(of(...all), how, what, where, name)) return
        assert.isTrue(Permissions.reaches(of(...all), how, what, where))
      }),
      { numRuns: 3000 }
    )
  })

  it("leave unrestricted only those who may use whatever there is", () => {
    fc.assert(
      fc.property(grants, scheme, kind, server, own, (all, how, what, where, name) => {
        if (!Permissions.isUnrestricted(of(...all), where)) return
        assert.isTrue(Permissions.permits(of(...all), what, RuleNames.of(how, what, where, name)))
      }),
      { numRuns: 3000 }
    )
  })
})

describe("the reach of rules", () => {
  const reaches = (grant: Grant, kind: RuleNames.Ruled, server: string) =>
    Permissions.reaches(of(grant), several, kind, ServerId.make(server))

  it("does not extend to servers whose names no pattern could mean", () => {
    assert.isTrue(reaches({ allowed_tools: ["files_*"] }, "tools", "files"))
    assert.isFalse(reaches({ allowed_tools: ["files_*"] }, "tools", "web"))
    assert.isFalse(reaches({ allowed_tools: ["files/read"] }, "tools", "web"))
    assert.isTrue(reaches({ allowed_resources: ["file://files/*"] }, "resources", "files"))
    assert.isFalse(reaches({ allowed_resources: ["file://files/*"] }, "resources", "web"))
    assert.isTrue(reaches({ allowed_resources: ["file:*"] }, "resources", "web"))
    assert.isTrue(reaches({ allowed_resources: ["urn:web/*"] }, "resources", "web"))
    assert.isFalse(reaches({ allowed_resources: ["urn:files/*"] }, "resources", "web"))
    assert.isTrue(reaches({ allowed_resources: ["web/notes"] }, "resources", "web"))
    assert.isFalse(reaches({ allowed_tools: ["web_*"] }, "prompts", "web"))
  })

  it("ends where everything is denied", () => {
    for (const denied of ["*", "files/*", "files_*", "f*"]) {
      assert.isFalse(reaches({ allowed_tools: ["*"], denied_tools: [denied] }, "tools", "files"), denied)
    }
    assert.isTrue(reaches({ allowed_tools: ["*"], denied_tools: ["files/r*"] }, "tools", "files"))
    assert.isFalse(reaches({ allowed_tools: ["*"], denied_servers: ["files"] }, "resources", "files"))
    assert.isFalse(reaches({ allowed_tools: ["*"], denied_resources: ["files/*"] }, "resources", "files"))
  })
})
