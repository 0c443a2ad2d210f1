/** The cookies of a browser: sealed, each for one purpose, each site's its own. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import * as Cookies from "../../src/auth/Cookies.ts"
import * as PublicUrl from "../../src/auth/PublicUrl.ts"
import { RootKey } from "../../src/keys/RootKey.ts"

const url = PublicUrl.make("https://mcp.example.com", "")
const local = PublicUrl.make("http://localhost:8080", "")

const header = (...cookies: ReadonlyArray<{ readonly name: string; readonly value: string }>): string =>
  cookies.map(({ name, value }) => `${name}=${value}`).join("; ")

const bytes = (value: string): string =>
  value
    .split(".")
    .map((part) => Buffer.from(part, "base64url").toString("hex"))
    .join(".")

const nobody = { id: undefined, person: undefined }

describe("a cookie", () => {
  it.effect("that was set is read again, among others and in any order", () =>
    Effect.gen(function* () {
      const cookies = yield* Cookies.make(url)
      const { cookie, id } = yield* cookies.newBrowser
      const person = yield* cookies.person("test:ann")
      const other = { name: "other", value: "x=y; " }
      for (const text of [header(cookie, other, person), header(other, person, cookie)]) {
        assert.deepStrictEqual(yield* cookies.read(text), { id, person: "test:ann" })
      }
      assert.deepStrictEqual(yield* cookies.read(undefined), nobody)
    }).pipe(Effect.provide(RootKey.layerRandom))
  )

  it.effect("of the other purpose, of another key, cut, changed or made up is none", () =>
    Effect.gen(function* () {
      const cookies = yield* Cookies.make(url)
      const foreign = yield* Effect.provide(Cookies.make(url), Layer.fresh(RootKey.layerRandom))
      const { cookie } = yield* cookies.newBrowser
      const person = yield* cookies.person("test:ann")
      const swapped = header({ ...cookie, value: person.value }, { ...person, value: cookie.value })
      assert.deepStrictEqual(yield* cookies.read(swapped), nobody)
      assert.deepStrictEqual(yield* foreign.read(header(cookie, person)), nobody)
      const values = ["", "x", "test:ann", '"test:ann"', `${person.value}x`, person.value.slice(1), "a".repeat(5000)]
      for (const value of values) {
        assert.deepStrictEqual(yield* cookies.read(header({ ...cookie, value }, { ...person, value })), nobody, value)
      }
    }).pipe(Effect.provide(RootKey.layerRandom))
  )

  it.effect("with any one letter changed is none", () =>
    Effect.gen(function* () {
      const cookies = yield* Cookies.make(url)
      const person = yield* cookies.person("test:ann")
      const places = fc.sample(fc.nat(person.value.length - 2), 40)
      for (const at of places) {
        const letter = person.value[at] === "A" ? "B" : "A"
        const value = `${person.value.slice(0, at)}${letter}${person.value.slice(at + 1)}`
        // The last letter of a part may hold bits that say nothing.
        if (bytes(value) === bytes(person.value)) continue
        assert.strictEqual((yield* cookies.read(header({ ...person, value }))).person, undefined, String(at))
      }
    }).pipe(Effect.provide(RootKey.layerRandom))
  )

  it.effect("says nothing of the person to whoever reads it", () =>
    Effect.gen(function* () {
      const { value } = yield* (yield* Cookies.make(url)).person("google:12345")
      const said = value.split(".").map((part) => Buffer.from(part, "base64url").toString())
      assert.notInclude(`${value} ${said.join(" ")}`, "google")
    }).pipe(Effect.provide(RootKey.layerRandom))
  )

  it.effect("of a browser is another each time", () =>
    Effect.gen(function* () {
      const cookies = yield* Cookies.make(url)
      const ids = yield* Effect.all(Array.from({ length: 50 }, () => Effect.map(cookies.newBrowser, ({ id }) => id)))
      assert.strictEqual(new Set(ids).size, 50)
      for (const id of ids) assert.isAtLeast(id.length, 24)
    }).pipe(Effect.provide(RootKey.layerRandom))
  )
})

describe("the name of a cookie", () => {
  it("is __Host- with https, which no other host and no page without https can set", () => {
    assert.strictEqual(Cookies.cookieName(url, "person"), "__Host-mcp_person")
  })

  it("bears the port on this machine, where ports do not keep cookies apart", () => {
    assert.strictEqual(Cookies.cookieName(local, "person"), "mcp_person_8080")
    assert.notStrictEqual(
      Cookies.cookieName(PublicUrl.make("http://localhost:8081", ""), "person"),
      Cookies.cookieName(local, "person")
    )
  })

  it("tells apart what is served below different paths of one host", () => {
    const names = [
      url,
      PublicUrl.make("https://mcp.example.com", "/a"),
      PublicUrl.make("https://mcp.example.com", "/b"),
      PublicUrl.make("https://mcp.example.com/c", "/b")
    ].map((one) => Cookies.cookieName(one, "person"))
    assert.strictEqual(new Set(names).size, 4)
    for (const name of names) assert.match(name, /^[\w-]+$/u)
  })
})
