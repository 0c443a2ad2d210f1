/** Under which URLs a proxy that signs people in may stand, and what they sign in for. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { decodeJwt } from "jose"
import { createServer, request as forward } from "node:http"
import { NAME_FIELD } from "../../src/auth/pages/DemoLoginPage.ts"
import { DECISION } from "../../src/auth/pages/ConsentPage.ts"
import { freePort } from "./harness.ts"
import { generations, Memory } from "./oauthClients.ts"
import {
  ask,
  away,
  browser,
  deploy,
  knock,
  LOOPBACK,
  page,
  program,
  raw,
  redeem,
  register,
  request,
  textOf
} from "./signIn.ts"

/** A reverse proxy that serves another below a path, which it takes away; and the routes at the root that it needs. */
const serveBelow = (
  path: string,
  port: number,
  target: number,
  untouched: ReadonlyArray<string>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((request, response) => {
        const url = request.url ?? "/"
        const isUntouched = untouched.some((route) => url === route || url.startsWith(`${route}/`))
        if (!isUntouched && !url.startsWith(`${path}/`)) {
          response.writeHead(404).end("this host has other things at its root")
          return
        }
        const { headers, method } = request
        const passed = forward(
          { host: "127.0.0.1", port: target, path: isUntouched ? url : url.slice(path.length), method, headers },
          (answer) => {
            response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
            answer.pipe(response)
          }
        )
        passed.on("error", () => response.destroy())
        response.on("close", () => passed.destroy())
        request.pipe(passed)
      })
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

for (const { connect, label } of generations) {
  describe(`the official client's ${label} generation`, () => {
    it.live("signs in below a path prefix, which the root does not name", () =>
      Effect.gen(function* () {
        const deployment = yield* deploy({ pathPrefix: "/gate" })
        const visitor = yield* browser(deployment)
        const memory = new Memory()
        const client = yield* connect(deployment.url, memory, visitor.allow)
        assert.include(yield* client.names, "echo")
        assert.strictEqual(decodeJwt(memory.held.access_token).iss, deployment.issuer)
        const root = new URL(deployment.issuer).origin
        for (const name of ["oauth-protected-resource", "oauth-authorization-server", "openid-configuration"]) {
          assert.strictEqual((yield* ask(`${root}/.well-known/${name}`)).status, 404)
        }
      }).pipe(Effect.scoped)
    )

    it.live("signs in at a base URL with a path, which a reverse proxy takes away", () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const deployment = yield* deploy({ baseUrl: `http://localhost:${port}/outer` })
        const needed = [
          ...(/have to reach this proxy too, as they are: (.*)/u.exec(deployment.proxy().output())?.[1] ?? "").matchAll(
            /http:\/\/[^/]+(\/[^\s,]+)/gu
          )
        ]
        const untouched = needed.map(([, path = ""]) => path)
        assert.strictEqual(untouched.length, 3)
        yield* serveBelow("/outer", port, deployment.port, untouched)
        const visitor = yield* browser(deployment)
        const memory = new Memory()
        const client = yield* connect(deployment.url, memory, visitor.allow)
        assert.include(yield* client.names, "echo")
        assert.strictEqual(decodeJwt(memory.held.access_token).aud, `http://localhost:${port}/outer/mcp`)
      }).pipe(Effect.scoped)
    )

    it.live("signs in with the demo provider, where a name is typed", () =>
      Effect.gen(function* () {
        const deployment = yield* deploy({ env: { MCP_AUTH_PROVIDER: "demo" } })
        const visitor = yield* browser(deployment)
        const memory = new Memory()
        const client = yield* connect(
          deployment.url,
          memory,
          Effect.fnUntraced(function* (url: URL) {
            const asked = page(yield* visitor.go(url))
            const login = page(yield* visitor.submit(asked, { [DECISION.field]: DECISION.allow }))
            return away(yield* visitor.submit(login, { [NAME_FIELD]: "Ada" }))
          })
        )
        assert.include(yield* client.names, "echo")
        assert.include(String(decodeJwt(memory.held.access_token)["email"]), "ada")
        assert.deepStrictEqual(deployment.google.visits(), [])
      }).pipe(Effect.scoped)
    )
  })
}

describe("a request", () => {
  it.live("may name the resource in several ways, or not at all, and any scope", () =>
    Effect.gen(function* () {
      const deployment = yield* deploy({ servers: { raw, other: raw } })
      const { issuer, url } = deployment
      const visitor = yield* browser(deployment)
      const loud = url.replace("http://localhost", "HTTP://LOCALHOST")
      const cases: ReadonlyArray<readonly [Record<string, string>, string]> = [
        [{}, url],
        [{ resource: url }, url],
        [{ resource: `${url}/` }, url],
        [{ resource: loud }, url],
        [{ resource: `${url}/other/` }, `${url}/other`],
        [{ scope: "openid email claudeai" }, url],
        [{ scope: "" }, url]
      ]
      for (const [parameters, audience] of cases) {
        const by = yield* program(deployment, LOOPBACK, parameters)
        const { body } = yield* redeem(deployment, by, yield* visitor.allow(by.request))
        const { aud, iss, scope } = decodeJwt(body["access_token"])
        assert.deepStrictEqual([aud, iss, scope], [audience, issuer, "mcp offline_access"], JSON.stringify(parameters))
        assert.isString(body["refresh_token"])
        assert.strictEqual((yield* knock(audience, body["access_token"])).status, 200)
      }
      const foreign = yield* program(deployment, LOOPBACK, { resource: "https://elsewhere.example.com/mcp" })
      const refused = away(yield* visitor.go(foreign.request)).searchParams
      assert.deepStrictEqual([refused.get("error"), refused.get("iss")], ["invalid_target", issuer])
    }).pipe(Effect.scoped)
  )

  it.live("may come by /auth/login; a person who comes there without one sees who they are", () =>
    Effect.gen(function* () {
      const deployment = yield* deploy()
      const { issuer } = deployment
      const visitor = yield* browser(deployment)
      const by = yield* program(deployment)
      const { search } = by.request
      const { body } = yield* redeem(deployment, by, yield* visitor.allow(`${issuer}/auth/login${search}`))
      assert.strictEqual((yield* knock(deployment.url, body["access_token"])).status, 200)

      const stranger = yield* browser(deployment)
      const own = page(yield* stranger.go(`${issuer}/auth/login`))
      assert.strictEqual(own.status, 200)
      for (const said of ["ann@example.com", deployment.url, "echo"]) assert.include(textOf(own), said)
    }).pipe(Effect.scoped)
  )

  it.live("of a program with a secret takes the secret, shown either way, and no other", () =>
    Effect.gen(function* () {
      const deployment = yield* deploy()
      const { issuer } = deployment
      const visitor = yield* browser(deployment)
      for (const method of ["client_secret_post", "client_secret_basic"]) {
        const { body, status } = yield* register(issuer, {
          redirect_uris: [LOOPBACK],
          token_endpoint_auth_method: method
        })
        assert.strictEqual(status, 201)
        const { client_id: id, client_secret: secret } = body as { client_id: string; client_secret: string }
        const by = request(issuer, id, LOOPBACK)
        const code = (yield* visitor.allow(by.request)).searchParams.get("code") ?? ""
        const exchange = (shown: string) =>
          ask(`${issuer}/token`, {
            method: "POST",
            headers: method === "client_secret_basic" ? { authorization: `Basic ${btoa(`${id}:${shown}`)}` } : {},
            body: new URLSearchParams({
              grant_type: "authorization_code",
              code,
              code_verifier: by.verifier,
              redirect_uri: LOOPBACK,
              ...(method === "client_secret_post" ? { client_id: id, client_secret: shown } : {})
            })
          })
        const wrong = yield* exchange("wrong")
        assert.deepStrictEqual([wrong.status, wrong.body["error"]], [401, "invalid_client"])
        assert.strictEqual((yield* exchange(secret)).status, 200)
      }
    }).pipe(Effect.scoped)
  )
})
