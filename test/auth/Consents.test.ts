/** What is remembered of people's consents, and what never is. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Layer from "effect/Layer"
import * as fc from "fast-check"
import * as Consents from "../../src/auth/Consents.ts"
import type { Transaction } from "../../src/auth/server/AuthorizationServer.ts"
import type { RootKey } from "../../src/keys/RootKey.ts"
import { Store } from "../../src/storage/Store.ts"
import { memory } from "../support/oauth.ts"

const transaction = (clientId: string, redirectUri: string, resource = "https://mcp.example.com/mcp"): Transaction => ({
  uid: "u",
  cookies: "",
  clientId,
  redirectUri,
  resource
})

const WEB = "https://app.example/cb"
const layer = Layer.provideMerge(Consents.layer, memory)
const test = (name: string, effect: () => Effect.Effect<void, unknown, Consents.Consents | Store | RootKey>) =>
  it.effect(name, () => Effect.provide(effect(), layer))

describe("a consent", () => {
  test("is remembered for the person, the client and the resource; for nothing else", () =>
    Effect.gen(function* () {
      const consents = yield* Consents.Consents
      yield* consents.remember("ann", transaction("c", WEB))
      assert.isTrue(yield* consents.isRemembered("ann", transaction("c", WEB)))
      // The client is who gets the code, whatever id it has registered under this time.
      assert.isTrue(yield* consents.isRemembered("ann", transaction("registered-again", WEB)))
      for (const [subject, other] of [
        ["bob", transaction("c", WEB)],
        ["ann", transaction("c", "https://app.example/CB")],
        ["ann", transaction("c", "https://app.example/cb/")],
        ["ann", transaction("c", "https://app.example:8443/cb")],
        ["ann", transaction("c", WEB, "https://mcp.example.com/mcp/github")],
        ["ann", transaction("https://app.example/cb", WEB, "https://mcp.example.com/mcp/github")],
        ["ann", transaction("https://app.example/client", WEB)]
      ] as const) {
        assert.isFalse(yield* consents.isRemembered(subject, other), JSON.stringify(other))
      }
    }))

  test("of a client with a document is that document's, at any address that it names", () =>
    Effect.gen(function* () {
      const consents = yield* Consents.Consents
      const id = "https://app.example/client"
      yield* consents.remember("ann", transaction(id, WEB))
      assert.isTrue(yield* consents.isRemembered("ann", transaction(id, "https://other.example/cb")))
      assert.isFalse(yield* consents.isRemembered("ann", transaction("https://evil.example/client", WEB)))
      assert.isFalse(yield* consents.isRemembered("ann", transaction("c", WEB)))
    }))

  test("given to a program on the computer, or to a scheme, is never remembered: not with a document either", () =>
    Effect.gen(function* () {
      const consents = yield* Consents.Consents
      const store = yield* Store
      const port = fc.integer({ min: 1, max: 65_535 })
      const uris = fc.sample(
        fc.oneof(
          fc
            .tuple(fc.constantFrom("localhost", "127.0.0.1", "[::1]"), port)
            .map(([host, at]) => `http://${host}:${at}/cb`),
          port.map((at) => `https://localhost:${at}/cb`),
          fc.stringMatching(/^[a-z][a-z0-9.]{2,10}$/u).map((scheme) => `${scheme}://callback`)
        ),
        60
      )
      for (const uri of uris) {
        for (const id of ["c", "https://app.example/client"]) {
          yield* consents.remember("ann", transaction(id, uri))
          assert.isFalse(yield* consents.isRemembered("ann", transaction(id, uri)), uri)
        }
      }
      assert.deepStrictEqual(yield* store.list("consents"), [])
      // A consent to a client's web address does not carry over to its loopback one.
      yield* consents.remember("ann", transaction("https://app.example/client", WEB))
      assert.isFalse(
        yield* consents.isRemembered("ann", transaction("https://app.example/client", "http://localhost:1/cb"))
      )
    }))

  test("lasts for 365 days, and not a moment longer", () =>
    Effect.gen(function* () {
      const consents = yield* Consents.Consents
      yield* consents.remember("ann", transaction("c", WEB))
      yield* TestClock.adjust(Duration.millis(Duration.toMillis("365 days") - 1))
      assert.isTrue(yield* consents.isRemembered("ann", transaction("c", WEB)))
      yield* TestClock.adjust("1 millis")
      assert.isFalse(yield* consents.isRemembered("ann", transaction("c", WEB)))
    }))

  test("is forgotten for all resources at once, for this person and this client alone", () =>
    Effect.gen(function* () {
      const consents = yield* Consents.Consents
      const github = transaction("c", WEB, "https://mcp.example.com/mcp/github")
      const other = transaction("c", "https://other.example/cb")
      for (const subject of ["ann", "bob"]) {
        for (const one of [transaction("c", WEB), github, other]) yield* consents.remember(subject, one)
      }
      yield* consents.forget("ann", WEB)
      assert.isFalse(yield* consents.isRemembered("ann", transaction("c", WEB)))
      assert.isFalse(yield* consents.isRemembered("ann", github))
      assert.isTrue(yield* consents.isRemembered("ann", other))
      assert.isTrue(yield* consents.isRemembered("bob", github))
    }))

  test("is not there to be read in the store, nor to be written by who can write there", () =>
    Effect.gen(function* () {
      const consents = yield* Consents.Consents
      const store = yield* Store
      yield* consents.remember("google:ann", transaction("c", WEB))
      const [row] = yield* store.list("consents")
      assert.notInclude(JSON.stringify(row), "ann")
      assert.notInclude(JSON.stringify(row), "app.example")
      const forged = JSON.stringify({ subject: "google:ann", client: WEB, resource: "r", at: 0 })
      yield* store.put("consents", { key: row?.key ?? "", value: forged }, Duration.hours(1))
      assert.isFalse(yield* consents.isRemembered("google:ann", transaction("c", WEB)))
    }))
})
