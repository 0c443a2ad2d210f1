/** Who is let near the endpoint: which token, for which resource, of whom. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as AccessPolicy from "../../src/access/AccessPolicy.ts"
import * as Audit from "../../src/access/Audit.ts"
import * as Gatekeeper from "../../src/auth/Gatekeeper.ts"
import { MachineCredentials } from "../../src/auth/MachineCredentials.ts"
import { audienceCovers, serverResource } from "../../src/auth/PublicUrl.ts"
import { AccessTokens } from "../../src/auth/server/AccessTokens.ts"
import { Subject } from "../../src/domain/ServerId.ts"
import { url } from "../support/oauth.ts"

const KEY = "0123456789abcdef0123456789abcdef-key"

const everyone = { file: undefined, emails: new Set<string>(), domains: new Set<string>() }

/** A gate at which the token `for:{audience}` is good for that audience, and `bare:{audience}` has no scope. */
const gate = Effect.gen(function* () {
  const policy = yield* AccessPolicy.fromRules(everyone)
  const tokens = AccessTokens.of({
    verify: (token) => {
      const [, kind, hex] = /^(for|bare)-([0-9a-f]+)$/u.exec(token) ?? []
      if (kind === undefined || hex === undefined) return Effect.succeed(Result.fail("invalid" as const))
      return Effect.succeed(
        Result.succeed({
          id: "t",
          principal: {
            subject: Subject.make("test:ann"),
            kind: "person" as const,
            displayName: "ann@example.com",
            email: "ann@example.com"
          },
          clientId: "c",
          audience: Buffer.from(hex, "hex").toString(),
          scopes: new Set(kind === "for" ? ["mcp"] : ["offline_access"]),
          expiresAt: 1,
          grantId: undefined
        })
      )
    }
  })
  const machines = MachineCredentials.layer({
    token: Option.none(),
    keys: [{ key: Redacted.make(KEY), name: "robot" }],
    keysPath: Option.none()
  }).pipe(Layer.provide(NodeServices.layer))
  const layer = Gatekeeper.layer(url).pipe(
    Layer.provide(
      Layer.mergeAll(
        Layer.succeed(AccessTokens, tokens),
        Layer.succeed(AccessPolicy.AccessPolicy, policy.service),
        Audit.layerNone,
        machines
      )
    )
  )
  const { admit } = yield* Effect.provide(Gatekeeper.Gatekeeper, layer)
  const knock = (authorization: string | undefined, server?: string) =>
    Effect.map(admit(authorization, server), (verdict) =>
      Result.isSuccess(verdict) ? verdict.success.displayName : verdict.failure.status
    )
  const token = (audience: string, kind = "for") => `Bearer ${kind}-${Buffer.from(audience).toString("hex")}`
  return { admit, knock, token, replace: policy.replace }
})

const resource = (server: string): string => serverResource(url, server)

describe("a token", () => {
  it.effect("for all servers opens each of them; one for a server opens that one, and neither all nor another", () =>
    Effect.gen(function* () {
      const { knock, token } = yield* gate
      const ann = "ann@example.com"
      assert.strictEqual(yield* knock(token(url.resource)), ann)
      assert.strictEqual(yield* knock(token(url.resource), "github"), ann)
      assert.strictEqual(yield* knock(token(resource("github")), "github"), ann)
      assert.strictEqual(yield* knock(token(resource("github"))), 401)
      for (const other of ["files", "git", "github2", "GitHub", "github/", "github/x", "%67ithub", "..", "", "."]) {
        assert.strictEqual(yield* knock(token(resource("github")), other), 401, other)
      }
    })
  )

  it.effect("for anything else opens nothing", () =>
    Effect.gen(function* () {
      const { knock, token } = yield* gate
      for (const audience of [
        url.issuer,
        `${url.resource}/`,
        `${url.resource}x`,
        url.resource.toUpperCase(),
        url.resource.replace("https", "http"),
        "https://evil.example/mcp",
        "",
        "c"
      ]) {
        assert.strictEqual(yield* knock(token(audience)), 401, audience)
        assert.strictEqual(yield* knock(token(audience), "github"), 401, audience)
      }
    })
  )

  it("covers a resource only as itself or as the one for all, whatever the names are", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        // What cannot be encoded cannot be asked for.
        fc.pre(one.isWellFormed() && other.isWellFormed())
        assert.strictEqual(audienceCovers(url, resource(one), resource(other)), one === other)
        assert.isTrue(audienceCovers(url, url.resource, resource(other)))
        if (one !== "") assert.isFalse(audienceCovers(url, resource(one), url.resource))
      })
    )
  })

  it.effect("without the scope is answered 403, and says which is wanted", () =>
    Effect.gen(function* () {
      const { admit, knock, token } = yield* gate
      assert.strictEqual(yield* knock(token(url.resource, "bare")), 403)
      const refused = Option.getOrThrow(Result.getFailure(yield* admit(token(url.resource, "bare"), undefined)))
      assert.match(refused.header, /^Bearer error="insufficient_scope", scope="mcp"/u)
    })
  )
})

describe("a refusal", () => {
  it.effect("quotes nothing of what was sent", () =>
    Effect.gen(function* () {
      const { admit } = yield* gate
      for (const authorization of [`Bearer secret-${KEY}x`, `Basic ${KEY}`, 'Bearer x", error="none', KEY]) {
        const refused = Option.getOrThrow(Result.getFailure(yield* admit(authorization, "github")))
        assert.notInclude(JSON.stringify(refused), KEY)
        assert.notInclude(refused.header, "none")
        assert.strictEqual(refused.status, 401)
      }
    })
  )

  it.effect("of any text whatever is a refusal: nobody gets in by what nobody issued", () =>
    Effect.gen(function* () {
      const { knock } = yield* gate
      for (const text of fc.sample(
        fc.oneof(
          fc.string(),
          fc.string().map((one) => `Bearer ${one}`)
        ),
        300
      )) {
        assert.strictEqual(yield* knock(text), 401, text)
      }
    })
  )
})

describe("somebody whom the operator shuts out", () => {
  it.effect("is refused with the next request, person or program, and let in again as fast", () =>
    Effect.gen(function* () {
      const { knock, replace, token } = yield* gate
      const all = () => Effect.all([knock(token(url.resource)), knock(`Bearer ${KEY}`)])
      assert.deepStrictEqual(yield* all(), ["ann@example.com", "robot"])
      yield* replace({ ...everyone, emails: new Set(["bob@example.com"]) })
      assert.strictEqual((yield* all())[0], 403)
      yield* replace(everyone)
      assert.deepStrictEqual(yield* all(), ["ann@example.com", "robot"])
    })
  )
})
