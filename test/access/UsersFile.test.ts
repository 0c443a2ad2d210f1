/** users.json: everything that is wrong with it, at once, with its place and what was most likely meant. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as UsersFile from "../../src/access/UsersFile.ts"

const read = (value: unknown) => UsersFile.read(typeof value === "string" ? value : JSON.stringify(value, undefined, 2))
const problems = (value: unknown): ReadonlyArray<string> =>
  Result.match(read(value), { onSuccess: () => [], onFailure: (all) => all })

describe("a users.json", () => {
  it("may be the seed's", () => {
    const seeds = { "admin@yourdomain.com": { name: "Admin", roles: ["admin"], allowed_tools: ["*"] } }
    const { entries, roles } = Result.getOrThrow(read(seeds))
    assert.deepStrictEqual<unknown>([...entries], Object.entries(seeds))
    assert.strictEqual(roles.size, 0)
  })

  it("may hold everything that there is", () => {
    const grant = {
      allowed_servers: ["a"],
      allowed_tools: ["b*"],
      allowed_prompts: [],
      allowed_resources: ["file:///*"],
      denied_servers: [],
      denied_tools: ["c"],
      denied_prompts: ["d"],
      denied_resources: ["e"]
    }
    assert.deepStrictEqual(
      problems({
        $schema: "./docs/users.schema.json",
        roles: { reader: { description: "Reads", ...grant }, admin: {} },
        "Ann@Example.com": { name: "Ann", roles: ["reader", "admin"], ...grant },
        "@example.com": {},
        "*": {},
        "ci bot": grant
      }),
      []
    )
  })

  it("says all that is wrong with it, in the order of its lines", () => {
    assert.deepStrictEqual(
      problems(`{
        "roles": { "reader": { "allowed_tool": ["x"], "allowed_servers": "files" } },
        "ann@x.com": { "allowed_tools": ["ok", 3, ""], "roles": ["admin"] },
        "bob@x.com": { "rolse": [], "roles": ["reader"] },
        "eve@x.com": { "roles": ["reeder", "unheard-of"] },
        "@x.com": [], "*": null
      }`),
      [
        'roles.reader.allowed_tool: is not a known key; did you mean "allowed_tools"? (line 2)',
        "roles.reader.allowed_servers: expected array (line 2)",
        '"ann@x.com".allowed_tools[1]: expected string (line 3)',
        '"ann@x.com".allowed_tools[2]: expected a value with a length of at least 1 (line 3)',
        '"bob@x.com".rolse: is not a known key; did you mean "roles"? (line 4)',
        '"eve@x.com".roles[0]: there is no role "reeder"; did you mean "reader"? (line 5)',
        '"eve@x.com".roles[1]: there is no role "unheard-of"; define it under "roles" (line 5)',
        '"@x.com": expected an object (line 6)',
        '"*": expected an object (line 6)'
      ]
    )
  })

  it("names nobody twice, however they are spelled", () => {
    assert.deepStrictEqual(problems(`{\n "ann@x.com": {},\n "ann@x.com": {} }`), [
      '"ann@x.com": stands twice, on lines 2 and 3; one of them would be lost'
    ])
    assert.deepStrictEqual(problems({ "ann@x.com": {}, "ANN@x.com": {}, "@X.com": {}, "@x.com": {} }), [
      '"ANN@x.com": names the same as "ann@x.com"; one of them would be lost (line 3)',
      '"@x.com": names the same as "@X.com"; one of them would be lost (line 5)'
    ])
    assert.deepStrictEqual(problems({ bot: {}, Bot: {} }), [], "credentials are taken as they are written")
  })

  it("has keys that name somebody", () => {
    for (const key of ["@*.com", "ann@*", "b*", "@", "@a b", "a b@c", "a@b@c", "Roles", "role", ""]) {
      assert.strictEqual(problems({ [key]: {} }).length, 1, key)
    }
    assert.include(problems({ Roles: {} })[0], 'did you mean "roles"?')
    assert.deepStrictEqual(problems(`{ "__proto__": { "allowed_tools": ["*"] } }`), [], "a credential may be called so")
  })

  it("is an object, and JSON", () => {
    assert.include(problems("[]")[0], "expected an object")
    assert.include(problems('{"a@b.c": {,}}')[0], "it is not JSON: expected property name")
    assert.include(problems("")[0], "unexpected end of the file")
    assert.deepStrictEqual(problems({ roles: [] }), [
      "roles: expected an object with the definitions of roles (line 2)"
    ])
    assert.deepStrictEqual(problems({ $schema: 3 }), ["$schema: expected string (line 2)"])
    assert.deepStrictEqual(problems("\ufeff{}"), [])
  })
})
