/** The commands with which the predecessor's documentation has people try it, as they stand there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawnSync } from "node:child_process"
import { ask, browser, deploy, signedIn } from "./signIn.ts"

interface Printed {
  readonly status: number
  readonly body: string
}

const curl = (command: string) =>
  Effect.callback<Printed>((resume) => {
    const child = execFile("/bin/sh", ["-c", `${command} -s -w '\\n%{http_code}'`], (error, stdout, stderr) => {
      const lines = stdout.split("\n")
      resume(
        error === null
          ? Effect.succeed({ status: Number(lines.pop()), body: lines.join("\n") })
          : Effect.die(new Error(`${error.message}\n${stderr}`))
      )
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** The same request, where there is no curl. */
const byHand = (command: string): Effect.Effect<Printed> => {
  const body = /-d '([^']*)'/u.exec(command)?.[1]
  const answer = ask(/http:\S+/u.exec(command)?.[0] ?? "", {
    method: /-X (\S+)/u.exec(command)?.[1] ?? "GET",
    headers: [...command.matchAll(/-H "([^:]+): ([^"]+)"/gu)].map(([, name = "", value = ""]) => [name, value]),
    ...(body === undefined ? {} : { body })
  })
  return Effect.map(answer, ({ status, text }) => ({ status, body: text }))
}

const ways = [byHand, ...(spawnSync("curl", ["--version"]).status === 0 ? [curl] : [])]

const REGISTER = `curl -X POST http://localhost:8080/register \\
  -H "Content-Type: application/json" \\
  -d '{
    "client_name": "test-client",
    "redirect_uris": ["http://localhost:3000/callback"],
    "response_types": ["code"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "client_secret_post"
  }'`

describe("the predecessor's documentation", () => {
  it.live("has people ask for metadata, register, and be refused without a token; all of it works as it stands", () =>
    Effect.gen(function* () {
      const deployment = yield* deploy()
      const { issuer, url } = deployment
      const { access } = yield* signedIn(deployment, yield* browser(deployment))
      for (const way of ways) {
        /** A command of that documentation, with this proxy's address. */
        const run = (command: string) => way(command.replaceAll("http://localhost:8080", issuer))

        const resource = yield* run("curl http://localhost:8080/.well-known/oauth-protected-resource")
        assert.strictEqual(resource.status, 200)
        assert.deepInclude(JSON.parse(resource.body), { resource: url, authorization_servers: [issuer] })

        const server = yield* run("curl http://localhost:8080/.well-known/oauth-authorization-server")
        assert.strictEqual(server.status, 200)
        assert.deepInclude(JSON.parse(server.body), { issuer, registration_endpoint: `${issuer}/register` })

        const registered = yield* run(REGISTER)
        assert.strictEqual(registered.status, 201)
        const client = JSON.parse(registered.body) as Record<string, unknown>
        assert.deepInclude(client, {
          client_name: "test-client",
          redirect_uris: ["http://localhost:3000/callback"],
          token_endpoint_auth_method: "client_secret_post"
        })
        for (const name of ["client_id", "client_secret"]) assert.match(String(client[name]), /^\S{16,}$/u)

        assert.strictEqual((yield* run("curl http://localhost:8080/mcp")).status, 401)
        // A GET asks for the stream of a session, of which there is none; but the token is taken.
        const bare = yield* run(`curl -H "Authorization: Bearer ${access}" http://localhost:8080/mcp`)
        assert.strictEqual(bare.status, 400)
        assert.include(bare.body, "Mcp-Session-Id")
      }
    }).pipe(Effect.scoped)
  )
})
