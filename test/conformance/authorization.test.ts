import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import { freePort } from "../integration/harness.ts"
import { callbackOf, checkAuthorization } from "./authorization.ts"
import { format } from "./compare.ts"

/** What an authorization server says, as far as the suite asks it. */
interface Manner {
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Changes the answer to the browser. */
  readonly answer?: (query: URLSearchParams) => void
  readonly tokenHeaders?: Readonly<Record<string, string>>
  readonly token?: object
}

/** An authorization server that asks nobody anything. */
const authorizationServer = (manner: Manner): Effect.Effect<string, never, Scope.Scope> => {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`)
    const { origin, pathname, searchParams } = url
    const json = (body: object, headers: Readonly<Record<string, string>> = {}) =>
      response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
    switch (pathname) {
      case "/.well-known/oauth-authorization-server":
        return json({
          issuer: origin,
          authorization_endpoint: `${origin}/authorize`,
          token_endpoint: `${origin}/token`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["none"],
          client_id_metadata_document_supported: true,
          ...manner.metadata
        })
      case "/authorize": {
        const back = new URL(searchParams.get("redirect_uri") ?? "")
        const query = new URLSearchParams({ code: "code", state: searchParams.get("state") ?? "", iss: origin })
        manner.answer?.(query)
        back.search = query.toString()
        return response.writeHead(303, { location: back.href }).end()
      }
      case "/token":
        return json(
          manner.token ?? { access_token: "access", token_type: "Bearer" },
          manner.tokenHeaders ?? { "cache-control": "no-store" }
        )
      default:
        return response.writeHead(404).end()
    }
  })
  return Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`))
      })
    }),
    () =>
      Effect.callback((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
}

const check = (manner: Manner, visit = (url: string) => Effect.promise(() => fetch(url).then(() => {}))) =>
  Effect.gen(function* () {
    const issuer = yield* authorizationServer(manner)
    const port = yield* freePort
    assert.match(callbackOf(port), /^http:\/\/127\.0\.0\.1:\d+\/callback$/u)
    return yield* checkAuthorization({ name: "test", issuer, clientId: "client", port, visit })
  }).pipe(Effect.scoped)

describe("the suite's authorization mode", () => {
  it.live("leaves nothing to remark where the server does what it must", () =>
    Effect.gen(function* () {
      const { remarks, tally } = yield* check({})
      assert.deepStrictEqual(remarks, [])
      assert.strictEqual(format(tally), "2/2 scenarios, 3/3 checks")
    })
  )

  const broken: ReadonlyArray<readonly [string, Manner, string]> = [
    ["another issuer", { metadata: { issuer: "https://elsewhere.example.com" } }, "Invalid issuer"],
    ["no S256", { metadata: { code_challenge_methods_supported: ["plain"] } }, "code_challenge_methods_supported"],
    ["no answer to the state", { answer: (query) => query.delete("state") }, "Invalid state parameter"],
    [
      "another issuer's answer",
      { answer: (query) => query.set("iss", "https://elsewhere.example.com") },
      "Invalid iss"
    ],
    ["an error", { answer: (query) => query.set("error", "server_error") }, "Authorization error: server_error"],
    ["tokens that may be kept by others", { tokenHeaders: {} }, "Invalid Cache-Control"],
    ["no token", { token: {} }, "Missing access_token"]
  ]
  it.live.each(broken)("notices %s", ([, manner, reason]) =>
    Effect.gen(function* () {
      const { remarks, tally } = yield* check(manner)
      assert.include(remarks.join("\n"), reason)
      assert.isBelow(tally.scenariosPassed, tally.scenarios)
      assert.isBelow(tally.checksPassed, tally.checks)
    })
  )

  it.live("ends where the person does not come to their end, and does not wait for them", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(check({}, () => Effect.die(new Error("lost on the way"))))
      assert.include(JSON.stringify(exit), "Die")
    })
  )
})
