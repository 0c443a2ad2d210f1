/** Attacks by request: what is sent, how, and to which address. Each test is named after what does not work. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect } from "node:net"
import { form, goodRequest, json, locationOf, MACHINE_KEY, openBrowser, serve, type Served } from "../support/served.ts"

const CALLBACK = "https://app.example/cb"

const test = (name: string, attack: (served: Served) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(name, () => Effect.scoped(Effect.flatMap(serve(), attack)))

/** Everything that comes back on a connection for exactly these bytes, until the other side closes it. */
const raw = ({ port }: Served, text: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let all = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    socket.on("data", (chunk: Buffer) => (all += chunk.toString("latin1")))
    socket.on("close", () => resume(Effect.succeed(all)))
    socket.on("error", () => {})
    return Effect.sync(() => socket.destroy())
  })

const statusOf = (response: string): number => Number(/^HTTP\/1\.1 (\d+)/u.exec(response)?.[1] ?? 0)

const head = (served: Served, line: string, more: ReadonlyArray<string> = []): string =>
  [`${line} HTTP/1.1`, `Host: ${served.host}`, "Connection: close", ...more, "", ""].join("\r\n")

const machine = { authorization: `Bearer ${MACHINE_KEY}` }

describe("an access token", () => {
  test("in the query or in a form is not looked at: the header is the only place", (served) =>
    Effect.gen(function* () {
      for (const path of [`/mcp?access_token=${MACHINE_KEY}`, `/mcp?token=${MACHINE_KEY}`]) {
        assert.strictEqual((yield* served.ask(path)).status, 401)
        assert.strictEqual((yield* served.ask(path, form({ access_token: MACHINE_KEY }))).status, 401)
        // Nor does it do harm beside a good one.
        assert.strictEqual((yield* served.ask(path, { headers: machine })).status, 400)
      }
    }))

  test("is one, after one scheme: several, other schemes and what is wrapped around it are refused", (served) =>
    Effect.gen(function* () {
      for (const authorization of [
        MACHINE_KEY,
        `Basic ${Buffer.from(`x:${MACHINE_KEY}`).toString("base64")}`,
        `Basic x, Bearer ${MACHINE_KEY}`,
        `Bearer ${MACHINE_KEY}, Bearer ${MACHINE_KEY}`,
        `Bearer ${MACHINE_KEY} ${MACHINE_KEY}`,
        `Bearer "${MACHINE_KEY}"`,
        `Bearer\t${MACHINE_KEY}`,
        `Bearer${MACHINE_KEY}`,
        `Token ${MACHINE_KEY}`,
        "Bearer",
        "Bearer ",
        ""
      ]) {
        assert.strictEqual((yield* served.ask("/mcp", { headers: { authorization } })).status, 401, authorization)
      }
      for (const scheme of ["Bearer", "bearer", "BEARER", "Bearer  "]) {
        const authorization = `${scheme} ${MACHINE_KEY}`
        assert.strictEqual((yield* served.ask("/mcp", { headers: { authorization } })).status, 400, scheme)
      }
    }))

  test("in a second Authorization header is not looked at: only the first counts", (served) =>
    Effect.gen(function* () {
      const good = `Authorization: Bearer ${MACHINE_KEY}`
      const bad = "Authorization: Bearer nobody-at-all-00000000000000000000"
      assert.strictEqual(statusOf(yield* raw(served, head(served, "GET /mcp", [bad, good]))), 401)
      assert.strictEqual(statusOf(yield* raw(served, head(served, "GET /mcp", [good, bad]))), 400)
      assert.strictEqual(statusOf(yield* raw(served, head(served, "GET /mcp", ["Authorization: Basic x", good]))), 401)
    }))
})

describe("identity", () => {
  test("is not taken from headers that a proxy might have set", (served) =>
    Effect.gen(function* () {
      for (const name of [
        "x-forwarded-user",
        "x-forwarded-email",
        "x-auth-request-user",
        "x-auth-request-email",
        "x-remote-user",
        "remote-user",
        "x-user",
        "x-goog-authenticated-user-email",
        "cf-access-authenticated-user-email",
        "x-forwarded-access-token",
        "x-api-key",
        "proxy-authorization",
        "cookie"
      ]) {
        for (const value of ["ann@demo.invalid", `Bearer ${MACHINE_KEY}`, MACHINE_KEY]) {
          assert.strictEqual((yield* served.ask("/mcp", { headers: { [name]: value } })).status, 401, name)
        }
      }
    }))

  test("is not taken from the cookies of sign-in: a browser's session is no access to tools", (served) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK] })
      const browser = openBrowser(served)
      const page = yield* browser.page(yield* browser.begin(goodRequest(id, CALLBACK).query))
      yield* browser.signInAs(yield* browser.decide(page.fields, "allow"), "ann")
      assert.strictEqual(browser.cookies.size, 2)
      assert.strictEqual((yield* browser.send("/mcp")).status, 401)
    }))
})

describe("every method of every route", () => {
  const PATHS = [
    "/authorize",
    "/auth/login",
    "/auth/callback",
    "/auth/demo",
    "/auth/account",
    "/auth/account/disconnect",
    "/auth/account/sign-out",
    "/consent",
    "/register",
    "/dcr",
    "/token",
    "/revoke",
    "/mcp",
    "/mcp/github",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/mcp",
    "/",
    "/health",
    "/ready"
  ]
  const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]

  test("answers without failing, echoes no request, and lets nobody in", (served) =>
    Effect.gen(function* () {
      for (const path of PATHS) {
        for (const method of METHODS) {
          const answer = yield* raw(served, head(served, `${method} ${path}`, ["X-Canary: tr4ce", "Content-Length: 0"]))
          const status = statusOf(answer)
          assert.isTrue(status >= 200 && status < 500, `${method} ${path}: ${status}`)
          assert.notInclude(answer, "tr4ce", `${method} ${path}`)
          if (path.startsWith("/mcp") && method !== "OPTIONS") assert.strictEqual(status, 401, `${method} ${path}`)
          if (!["GET", "HEAD", "POST", "OPTIONS"].includes(method) && !path.startsWith("/mcp")) {
            assert.include([404, 405], status, `${method} ${path}`)
          }
        }
      }
    }))

  test("of the library beneath is reachable only where we serve it", (served) =>
    Effect.gen(function* () {
      for (const path of [
        "/auth",
        "/jwks",
        "/me",
        "/userinfo",
        "/session/end",
        "/token/introspection",
        "/introspect",
        "/request",
        "/par",
        "/device",
        "/device/auth",
        "/backchannel",
        "/challenge",
        "/interaction/x",
        "/authorize/x",
        "/register/x"
      ]) {
        for (const method of ["GET", "POST"]) {
          assert.strictEqual((yield* served.ask(path, { method })).status, 404, `${method} ${path}`)
        }
      }
    }))
})

describe("a body", () => {
  const PATHS = ["/register", "/dcr", "/token", "/revoke", "/authorize", "/auth/login", "/consent"]
  const TYPE = "Content-Type: application/x-www-form-urlencoded"

  test("of 10 MB is refused after 64 KB, announced or not", (served) =>
    Effect.gen(function* () {
      const body = `client_id=${"x".repeat(10 * 1024 * 1024)}`
      for (const path of PATHS) {
        const announced = yield* raw(
          served,
          `${head(served, `POST ${path}`, [TYPE, `Content-Length: ${body.length}`])}${body}`
        )
        assert.include([400, 413], statusOf(announced), path)
        const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
        const unannounced = yield* raw(
          served,
          `${head(served, `POST ${path}`, [TYPE, "Transfer-Encoding: chunked"])}${chunked}`
        )
        assert.include([400, 413], statusOf(unannounced), path)
      }
    }))

  test("that does not come is not waited for (slow loris)", (served) =>
    Effect.gen(function* () {
      const started = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      const answers = yield* Effect.forEach(
        PATHS,
        (path) => raw(served, `${head(served, `POST ${path}`, [TYPE, "Content-Length: 1000"])}client_id=`),
        { concurrency: "unbounded" }
      )
      // The connection is closed, with an answer or without: what is read of it is not a request.
      for (const answer of answers) assert.include([0, 400, 408, 413], statusOf(answer))
      assert.isBelow((yield* Effect.clockWith((clock) => clock.currentTimeMillis)) - started, 20_000)
    }))

  test("with both lengths, or two, is refused before anybody reads it (request smuggling)", (served) =>
    Effect.gen(function* () {
      for (const headers of [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Transfer-Encoding: identity, chunked"],
        ["Content-Length: +5"]
      ]) {
        const answer = yield* raw(
          served,
          `${head(served, "POST /token", [TYPE, ...headers])}0\r\n\r\nGET /mcp HTTP/1.1\r\n\r\n`
        )
        assert.strictEqual(answer.match(/HTTP\/1\.1 /gu)?.length, 1, headers.join())
        assert.isAbove(statusOf(answer), 399)
      }
    }))
})

describe("the issuer", () => {
  test("comes from the settings alone, whatever Host and X-Forwarded-* say", (served) =>
    Effect.gen(function* () {
      const paths = [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp/github"
      ]
      for (const path of paths) {
        const expected = (yield* served.ask(path)).body
        assert.include(expected, "https://mcp.example.com")
        const lines = head(served, `GET ${path}`).replace(`Host: ${served.host}`, "Host: evil.example")
        const forwarded = head(served, `GET ${path}`, [
          "X-Forwarded-Host: evil.example",
          "X-Forwarded-Proto: http",
          "X-Forwarded-Prefix: /evil",
          "Forwarded: host=evil.example;proto=http",
          "X-Original-URL: /evil",
          "X-Rewrite-URL: /evil"
        ])
        const absolute = head(served, `GET http://evil.example${path}`)
        for (const request of [lines, forwarded, absolute]) {
          const answer = yield* raw(served, request)
          assert.strictEqual(statusOf(answer), 200)
          assert.include(answer, expected)
          assert.notInclude(answer, "evil")
        }
      }
    }))

  test("in redirects and challenges, too", (served) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK] })
      const { query } = goodRequest(id, CALLBACK)
      const headers = { host: "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http" }
      const wrong = new URLSearchParams({ ...query, response_type: "nothing" }).toString()
      const answers = [
        yield* served.ask("/mcp", { headers }),
        yield* served.ask("/mcp/github", { headers }),
        yield* served.ask(`/authorize?${wrong}`, { headers }),
        yield* served.ask(`/authorize?${new URLSearchParams(query).toString()}`, { headers }),
        yield* served.ask("/auth/login", { headers })
      ]
      for (const answer of answers) assert.notInclude(JSON.stringify(answer), "evil")
      assert.strictEqual(locationOf(answers[2]!).searchParams.get("iss"), "https://mcp.example.com")
    }))
})

describe("another web site", () => {
  const evil = { origin: "https://evil.example" }

  test("may never send cookies along: no answer allows credentials", (served) =>
    Effect.gen(function* () {
      for (const path of [
        "/mcp",
        "/token",
        "/register",
        "/revoke",
        "/.well-known/oauth-authorization-server",
        "/consent"
      ]) {
        for (const method of ["GET", "POST", "OPTIONS"]) {
          const { headers } = yield* served.ask(path, { method, headers: evil })
          assert.isUndefined(headers["access-control-allow-credentials"], `${method} ${path}`)
        }
      }
    }))

  test("cannot read a page of ours, nor learn by preflight that it might", (served) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK] })
      const browser = openBrowser(served)
      const page = yield* browser.page(yield* browser.begin(goodRequest(id, CALLBACK).query))
      for (const path of [
        page.path,
        "/auth/login",
        "/auth/callback",
        "/auth/demo",
        "/auth/account",
        "/authorize",
        "/"
      ]) {
        for (const method of ["GET", "OPTIONS"]) {
          const { headers } = yield* browser.send(path, { method, headers: evil })
          const allowing = Object.keys(headers).filter((name) => name.startsWith("access-control"))
          assert.deepStrictEqual(allowing, [], `${method} ${path}`)
        }
      }
    }))

  test("cannot call the endpoint with a token that it has got hold of", (served) =>
    Effect.gen(function* () {
      const answer = yield* served.ask("/mcp", { ...json({}), headers: { ...machine, ...evil } })
      assert.strictEqual(answer.status, 403)
    }))

  test("whose name leads to this machine is refused by its Host (DNS rebinding)", (served) =>
    Effect.gen(function* () {
      const answer = yield* served.ask("/mcp", { ...json({}), headers: { ...machine, host: "rebound.example" } })
      assert.strictEqual(answer.status, 403)
    }))
})

describe("every page", () => {
  test("forbids framing, scripts, sniffing and caching, errors too", (served) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK] })
      const browser = openBrowser(served)
      const { query } = goodRequest(id, CALLBACK)
      const consent = yield* browser.page(yield* browser.begin(query))
      const left = yield* browser.decide(consent.fields, "allow")
      const login = yield* browser.send(`/auth/demo${locationOf(left).search}`)
      yield* browser.signInAs(left, "ann")
      const pages = [
        consent,
        login,
        yield* browser.send("/auth/account"),
        yield* browser.send("/"),
        yield* browser.send("/authorize"),
        yield* browser.send("/consent"),
        yield* browser.send("/auth/callback"),
        yield* browser.decide(new URLSearchParams(), "allow")
      ]
      for (const { headers, body } of pages) {
        assert.strictEqual(headers["content-type"], "text/html; charset=utf-8", body.slice(0, 200))
        assert.match(headers["content-security-policy"] ?? "", /default-src 'none'.*frame-ancestors 'none'/u)
        assert.notInclude(headers["content-security-policy"], "script-src")
        assert.strictEqual(headers["x-frame-options"], "DENY")
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.strictEqual(headers["cache-control"], "no-store")
        assert.include(["same-origin", "no-referrer"], headers["referrer-policy"])
      }
    }))
})

describe("an answer that holds a secret", () => {
  test("is kept by no cache: codes, tokens, client secrets, cookies, and refusals", (served) =>
    Effect.gen(function* () {
      const asked = { redirect_uris: [CALLBACK], token_endpoint_auth_method: "client_secret_post" }
      const registered = yield* served.ask("/register", json(asked))
      const { client_id: id, client_secret: secret } = JSON.parse(registered.body) as Record<string, string>
      const browser = openBrowser(served)
      const { query, verifier } = goodRequest(id ?? "", CALLBACK)
      const begun = yield* browser.begin(query)
      const consent = yield* browser.page(begun)
      const left = yield* browser.decide(consent.fields, "allow")
      const back = yield* browser.signInAs(left, "ann")
      const fields = {
        grant_type: "authorization_code",
        client_id: id ?? "",
        client_secret: secret ?? "",
        code: locationOf(back).searchParams.get("code") ?? "",
        code_verifier: verifier,
        redirect_uri: CALLBACK
      }
      const tokens = yield* served.ask("/token", form(fields))
      const replayed = yield* served.ask("/token", form(fields))
      const revoked = yield* served.ask(
        "/revoke",
        form({ client_id: id ?? "", client_secret: secret ?? "", token: "x" })
      )
      assert.deepStrictEqual(
        [registered.status, begun.status, left.status, back.status, tokens.status, replayed.status, revoked.status],
        [201, 303, 303, 303, 200, 400, 200]
      )
      const answers = { registered, begun, consent, left, back, tokens, replayed, revoked }
      for (const [name, { headers }] of Object.entries({ ...answers, refused: yield* served.ask("/mcp") })) {
        assert.strictEqual(headers["cache-control"], "no-store", name)
      }
      for (const { headers } of [begun, left, back]) assert.strictEqual(headers["referrer-policy"], "no-referrer")
    }))
})

describe("a redirect", () => {
  const NASTY = [
    "a\r\nSet-Cookie: x=1",
    "a\nLocation: https://evil.example",
    "\u0000",
    "%0d%0aX: 1",
    "é 😀",
    '"><script>'
  ]

  test("cannot be split by state, and gives it back as it came", (served) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK] })
      for (const state of NASTY) {
        const browser = openBrowser(served)
        const { query } = goodRequest(id, CALLBACK, { state })
        const wrong = yield* browser.begin({ ...query, response_type: "nothing" })
        const page = yield* browser.page(yield* browser.begin(query))
        const code = yield* browser.signInAs(yield* browser.decide(page.fields, "allow"), "ann")
        for (const answer of [wrong, code]) {
          assert.strictEqual(answer.status, 303)
          assert.strictEqual(locationOf(answer).searchParams.get("state"), state)
          assert.match(answer.headers["location"] ?? "", /^[\u0021-\u007e]+$/u)
        }
        assert.isUndefined(wrong.headers["x"])
        assert.notInclude(wrong.setCookies.join(), "x=1")
      }
    }))

  test("goes to a registered address only, to the byte: no user name, dot segment, case, port or slash more", (served) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK, "http://localhost/cb"] })
      for (const redirect_uri of [
        "https://app.example@evil.example/cb",
        "https://user@app.example/cb",
        "https://app.example/cb/../cb",
        "https://app.example/x/../cb",
        "https://app.example/%2e/cb",
        "https://APP.example/cb",
        "HTTPS://app.example/cb",
        "https://app.example:443/cb",
        "https://app.example:8443/cb",
        "https://app.example./cb",
        "https://app.example/cb/",
        "https://app.example/CB",
        "https://app.example/cb?",
        "https://app.example/cb?x=1",
        "https://app.example/cb#x",
        "https://app.example\\@evil.example/cb",
        "https://app.example.evil.example/cb",
        "http://app.example/cb",
        "//app.example/cb",
        "/cb",
        "",
        "javascript:alert(1)",
        `${CALLBACK}\r\nX: 1`,
        `${CALLBACK}\t`,
        "http://localhost:1/other",
        "http://127.0.0.1/cb",
        "http://localhost:1@evil.example/cb",
        "https://localhost/cb"
      ]) {
        for (const more of [{}, { response_type: "nothing" }, { prompt: "none" }]) {
          const { query } = goodRequest(id, redirect_uri, more)
          const answer = yield* served.ask(`/authorize?${new URLSearchParams(query).toString()}`)
          assert.strictEqual(answer.status, 400, redirect_uri)
          assert.isUndefined(answer.headers["location"])
        }
      }
      const { query } = goodRequest(id, "http://localhost:49152/cb")
      assert.strictEqual((yield* served.ask(`/authorize?${new URLSearchParams(query).toString()}`)).status, 303)
    }))

  test("of a request in which something stands twice brings an error, and to the registered address alone", (served) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK] })
      const { query } = goodRequest(id, CALLBACK)
      const twice = `${new URLSearchParams(query).toString()}&client_id=${id}`
      assert.strictEqual((yield* served.ask(`/authorize?${twice}`)).status, 400)
      for (const [name, value] of [
        ["redirect_uri", "https://evil.example/"],
        ["redirect_uri", CALLBACK],
        ["resource", "https://mcp.example.com/mcp/github"],
        ["code_challenge", "x"],
        ["state", "y"]
      ] as const) {
        const asked = { ...query, resource: "https://mcp.example.com/mcp" }
        const text = `${new URLSearchParams(asked).toString()}&${name}=${encodeURIComponent(value)}`
        const answer = yield* served.ask(`/authorize?${text}`)
        const { origin, pathname, searchParams } = locationOf(answer)
        assert.strictEqual(`${origin}${pathname}`, CALLBACK, name)
        assert.isNotNull(searchParams.get("error"), name)
      }
    }))

  test("to a place beside the request's is asked for in vain: login, callback and account take none", (served) =>
    Effect.gen(function* () {
      for (const name of ["next", "return_to", "redirect", "redirect_uri", "url", "continue", "RelayState", "target"]) {
        for (const path of ["/auth/login", "/auth/callback", "/auth/account", "/consent", "/"]) {
          const answer = yield* served.ask(`${path}?${name}=https://evil.example/`)
          assert.notInclude(answer.headers["location"] ?? "", "evil", `${path} ${name}`)
        }
      }
    }))
})

describe("a well-known path", () => {
  test("that climbs, is encoded or malformed finds nothing, and names nothing", (served) =>
    Effect.gen(function* () {
      for (const path of [
        "/.well-known/../../etc/passwd",
        "/.well-known/%2e%2e/%2e%2e/etc/passwd",
        "/.well-known/..%2f..%2fetc%2fpasswd",
        "/.well-known/oauth-protected-resource/../../etc/passwd",
        "/.well-known/oauth-protected-resource/mcp/..%2f..%2fx/y",
        "/.well-known/oauth-protected-resource/mcp/%",
        "/.well-known/oauth-protected-resource/mcp/%ff",
        "/.well-known/oauth-protected-resource/%00",
        "/.well-known/oauth-authorization-server/mcp/a/b",
        "/.well-known/",
        "/.well-known/..",
        "/.well-known//",
        "/.well-known/oauth-authorization-server%00",
        "/.well-known/\\..\\x",
        "//.well-known/x",
        "/.well-known/oauth-authorization-server/https://evil.example/"
      ]) {
        const answer = yield* raw(served, head(served, `GET ${path}`))
        assert.include([400, 404], statusOf(answer), path)
        assert.notInclude(answer, "root:")
      }
    }))

  test("of one server looks alike whether or not there is such a server", (served) =>
    Effect.gen(function* () {
      const of = (name: string) =>
        Effect.map(served.ask(`/.well-known/oauth-protected-resource/mcp/${name}`), ({ body, status }) => ({
          status,
          body: body.replaceAll(name, "NAME")
        }))
      assert.deepStrictEqual(yield* of("github"), yield* of("nothere"))
    }))
})

describe("a client's name", () => {
  test("puts no element or attribute into the page, and no line into the answer", (served) =>
    Effect.gen(function* () {
      const plain = yield* shown(served, "App")
      const tags = (html: string) => [...html.matchAll(/<[a-z!/][^\s>]*/giu)].map(([tag]) => tag)
      for (const name of [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</bdi></main><form action=https://evil.example>",
        "a\r\nSet-Cookie: x=1",
        "\u202Egnp.exe",
        "&lt;b&gt;"
      ]) {
        const page = yield* shown(served, name)
        assert.deepStrictEqual(tags(page.body), tags(plain.body), name)
        assert.notInclude(page.body, "<script")
        assert.notInclude(page.setCookies.join(), "x=1")
        assert.notInclude(page.body, "\u202E")
      }
    }))

  const shown = (served: Served, client_name: string) =>
    Effect.gen(function* () {
      const { id } = yield* served.register({ redirect_uris: [CALLBACK], client_name })
      const browser = openBrowser(served)
      return yield* browser.page(yield* browser.begin(goodRequest(id, CALLBACK).query))
    })
})
