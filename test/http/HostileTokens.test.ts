/** Tokens in the wrong hands, at the wrong place or at the wrong time, against the endpoint itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { form, goodRequest, json, locationOf, openBrowser, serve, type Served } from "../support/served.ts"

const CALLBACK = "https://app.example/cb"

const test = (name: string, attack: (served: Served) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(serve(), attack)))

interface Tokens {
  readonly access: string
  readonly refresh: string
  readonly client: string
}

/** Somebody signs in, for a resource. */
const signIn = (served: Served, name: string, resource?: string) =>
  Effect.gen(function* () {
    const { id } = yield* served.register({ redirect_uris: [CALLBACK], client_name: name })
    const browser = openBrowser(served)
    const { query, verifier } = goodRequest(id, CALLBACK, resource === undefined ? {} : { resource })
    const page = yield* browser.page(yield* browser.begin(query))
    const back = yield* browser.signInAs(yield* browser.decide(page.fields, "allow"), name)
    const exchanged = yield* served.ask(
      "/token",
      form({
        grant_type: "authorization_code",
        client_id: id,
        code: locationOf(back).searchParams.get("code") ?? "",
        code_verifier: verifier,
        redirect_uri: CALLBACK
      })
    )
    const { access_token: access, refresh_token: refresh } = JSON.parse(exchanged.body) as Record<string, string>
    return { access: access ?? "", refresh: refresh ?? "", client: id } satisfies Tokens
  })

const call = (
  served: Served,
  token: string,
  path: string,
  headers: Record<string, string> = {},
  body: unknown = INITIALIZE
) =>
  served.ask(path, {
    ...json(body),
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`,
      ...headers
    }
  })

const INITIALIZE = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } }
}

const LIST = { jsonrpc: "2.0", id: 2, method: "tools/list" }

const refresh = (served: Served, { client, refresh: token }: Tokens) =>
  served.ask("/token", form({ grant_type: "refresh_token", client_id: client, refresh_token: token }))

describe("a session id that was stolen", () => {
  test("is worth nothing to anybody else, at any method, nor to its owner at another endpoint", (served) =>
    Effect.gen(function* () {
      const ann = yield* signIn(served, "ann")
      const bob = yield* signIn(served, "bob")
      const begun = yield* call(served, ann.access, "/mcp")
      const session = { "mcp-session-id": begun.headers["mcp-session-id"] ?? "" }
      assert.strictEqual((yield* call(served, ann.access, "/mcp", session, LIST)).status, 200)
      assert.strictEqual((yield* call(served, bob.access, "/mcp", session, LIST)).status, 404)
      assert.strictEqual((yield* call(served, ann.access, "/mcp/github", session, LIST)).status, 404)
      for (const method of ["GET", "DELETE"]) {
        const headers = { ...session, accept: "text/event-stream", authorization: `Bearer ${bob.access}` }
        assert.strictEqual((yield* served.ask("/mcp", { method, headers })).status, 404, method)
      }
      // Without a token it is worth nothing at all, and none of this has ended it.
      assert.strictEqual((yield* served.ask("/mcp", { ...json(LIST), headers: session })).status, 401)
      assert.strictEqual((yield* call(served, ann.access, "/mcp", session, LIST)).status, 200)
    }))
})

describe("a token for one server", () => {
  test("is refused at all others and at the merged endpoint, and by every method", (served) =>
    Effect.gen(function* () {
      const { access } = yield* signIn(served, "ann", "https://mcp.example.com/mcp/github")
      assert.strictEqual((yield* call(served, access, "/mcp/github")).status, 200)
      assert.strictEqual((yield* call(served, access, "/mcp/github/")).status, 200)
      for (const path of ["/mcp", "/mcp/", "/mcp/files", "/mcp/nothere", "/mcp/github%2f..%2ffiles"]) {
        for (const method of ["POST", "GET", "DELETE", "PUT"]) {
          const answer = yield* served.ask(path, { method, headers: { authorization: `Bearer ${access}` } })
          assert.include([401, 404], answer.status, `${method} ${path}`)
          if (answer.status === 404) assert.strictEqual(answer.body, "Not found\n", path)
        }
      }
    }))

  test("gives by refresh no token for more", (served) =>
    Effect.gen(function* () {
      const tokens = yield* signIn(served, "ann", "https://mcp.example.com/mcp/github")
      for (const resource of [
        "https://mcp.example.com/mcp",
        "https://mcp.example.com/mcp/files",
        "https://evil.example"
      ]) {
        const answer = yield* served.ask(
          "/token",
          form({ grant_type: "refresh_token", client_id: tokens.client, refresh_token: tokens.refresh, resource })
        )
        assert.strictEqual(answer.status, 400, resource)
        assert.notInclude(answer.body, "access_token")
      }
      const more = yield* served.ask(
        "/token",
        form({
          grant_type: "refresh_token",
          client_id: tokens.client,
          refresh_token: tokens.refresh,
          scope: "admin mcp"
        })
      )
      assert.strictEqual((JSON.parse(more.body) as { readonly scope?: string }).scope, "mcp offline_access")
    }))
})

describe("a refresh token", () => {
  test("sent twice at once gives two tokens that both live; an access token is none, and it is none", (served) =>
    Effect.gen(function* () {
      const tokens = yield* signIn(served, "ann")
      const answers = yield* Effect.all([refresh(served, tokens), refresh(served, tokens)], {
        concurrency: "unbounded"
      })
      for (const { body, status } of answers) {
        assert.strictEqual(status, 200)
        const { access_token: access } = JSON.parse(body) as { readonly access_token: string }
        assert.strictEqual((yield* call(served, access, "/mcp")).status, 200)
      }
      assert.strictEqual((yield* call(served, tokens.refresh, "/mcp")).status, 401)
      assert.strictEqual((yield* refresh(served, { ...tokens, refresh: tokens.access })).status, 400)
    }))

  test("of another client is refused, and lives on with its own", (served) =>
    Effect.gen(function* () {
      const ann = yield* signIn(served, "ann")
      const bob = yield* signIn(served, "bob")
      assert.strictEqual((yield* refresh(served, { ...ann, client: bob.client })).status, 400)
      assert.strictEqual((yield* refresh(served, ann)).status, 200)
    }))
})

describe("somebody who is shut out", () => {
  test("is refused with the next request: token, refresh and sign-in, and gets a page that says so", (served) =>
    Effect.gen(function* () {
      const ann = yield* signIn(served, "ann")
      assert.strictEqual((yield* call(served, ann.access, "/mcp")).status, 200)
      yield* served.replace({ file: undefined, emails: new Set(["bob@demo.invalid"]), domains: new Set() })
      const refused = yield* call(served, ann.access, "/mcp")
      assert.strictEqual(refused.status, 403)
      assert.include(refused.headers["www-authenticate"], "insufficient_scope")
      assert.strictEqual((yield* refresh(served, ann)).status, 400)
      const { id } = yield* served.register({ redirect_uris: [CALLBACK] })
      const browser = openBrowser(served)
      const page = yield* browser.page(yield* browser.begin(goodRequest(id, CALLBACK).query))
      const back = yield* browser.signInAs(yield* browser.decide(page.fields, "allow"), "ann")
      assert.strictEqual(back.status, 403)
      assert.include(back.body, "This account may not use this server")
      assert.notInclude(back.setCookies.join(), "person")
    }))
})

describe("a client's id", () => {
  test("lets nobody change or read the registration: there is no such endpoint", (served) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK] })
      for (const path of [`/register/${id}`, `/register?client_id=${id}`]) {
        for (const method of ["GET", "PUT", "DELETE"]) {
          assert.include([404, 405], (yield* served.ask(path, { method })).status, `${method} ${path}`)
        }
      }
    }))

  test("cannot be chosen: neither by asking, nor to be somebody else's", (served) =>
    Effect.gen(function* () {
      const ours = yield* served.register({ redirect_uris: [CALLBACK], client_id: "mine", client_secret: "x" })
      assert.notStrictEqual(ours.id, "mine")
      const thief = yield* served.register({ redirect_uris: ["https://thief.example/cb"], client_id: ours.id })
      assert.notStrictEqual(thief.id, ours.id)
      const { query } = goodRequest(ours.id, "https://thief.example/cb")
      const refused = yield* served.ask(`/authorize?${new URLSearchParams(query).toString()}`)
      assert.strictEqual(refused.status, 400)
    }))
})

describe("a flood of registrations", () => {
  test("is answered 429 with Retry-After, and leaves who has signed in alone", (served) =>
    Effect.gen(function* () {
      const ann = yield* signIn(served, "ann")
      const answers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => json({ redirect_uris: [CALLBACK], client_name: `bot ${index}` })),
        (asked) => served.ask("/register", asked),
        { concurrency: 10 }
      )
      const refused = answers.filter(({ status }) => status === 429)
      assert.isAtLeast(refused.length, 35)
      for (const { headers } of refused) assert.match(headers["retry-after"] ?? "", /^\d+$/u)
      assert.strictEqual((yield* call(served, ann.access, "/mcp")).status, 200)
      assert.strictEqual((yield* refresh(served, ann)).status, 200)
    }))
})
