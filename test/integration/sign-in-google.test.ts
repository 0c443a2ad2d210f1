/** What Google and its accounts do, and what comes of it: consent, admission, recheck. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { decodeJwt } from "jose"
import { mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DECISION } from "../../src/auth/pages/ConsentPage.ts"
import { ANN, BOB } from "../support/google.ts"
import {
  away,
  type Browser,
  browser,
  type Deployment,
  type DeploymentOptions,
  deploy,
  knock,
  page,
  program,
  redeem,
  refresh,
  request,
  signedIn,
  SITE,
  textOf
} from "./signIn.ts"

const withPerson = <A>(
  use: (deployment: Deployment, visitor: Browser) => Effect.Effect<A>,
  options: DeploymentOptions = {}
) =>
  Effect.gen(function* () {
    const deployment = yield* deploy(options)
    return yield* use(deployment, yield* browser(deployment))
  }).pipe(Effect.scoped)

const prompts = ({ google }: Deployment) => google.visits().map((query) => query.get("prompt"))

describe("Google", () => {
  it.live("is asked a second time where it gives no refresh token, and not again once it has", () =>
    withPerson(
      (deployment, visitor) =>
        Effect.gen(function* () {
          const { access } = yield* signedIn(deployment, visitor)
          assert.deepStrictEqual(prompts(deployment), [null, "consent"])
          assert.isTrue(deployment.google.visits().every((query) => query.get("access_type") === "offline"))
          assert.strictEqual((yield* knock(deployment.url, access)).status, 200)
          yield* signedIn(deployment, visitor)
          assert.deepStrictEqual(prompts(deployment), [null, "consent", null])
        }),
      { agreedBefore: true }
    )
  )

  it.live("is not called for a request to the endpoint", () =>
    withPerson((deployment, visitor) =>
      Effect.gen(function* () {
        const { access } = yield* signedIn(deployment, visitor)
        const before = deployment.google.calls().length
        for (let time = 0; time < 3; time++) assert.strictEqual((yield* knock(deployment.url, access)).status, 200)
        assert.strictEqual(deployment.google.calls().length, before)
      })
    )
  )

  it.live("being out of order lets signed-in people go on, and tells those who sign in", () =>
    withPerson((deployment, visitor) =>
      Effect.gen(function* () {
        const { program: by, refresh: token } = yield* signedIn(deployment, visitor)
        yield* deployment.google.outage("failing")
        const renewed = yield* refresh(deployment, by, token)
        assert.strictEqual(renewed.status, 200)
        assert.strictEqual((yield* knock(deployment.url, renewed.body["access_token"])).status, 200)
        const asked = page(yield* visitor.go((yield* program(deployment)).request))
        const failed = page(yield* visitor.submit(asked, { [DECISION.field]: DECISION.allow }))
        assert.include(textOf(failed), "Google cannot be reached")
      })
    )
  )

  it.live("refusing an account that is gone ends its refresh and its access", () =>
    withPerson((deployment, visitor) =>
      Effect.gen(function* () {
        const { access, program: by, refresh: token } = yield* signedIn(deployment, visitor)
        yield* deployment.google.revoke(ANN)
        const answer = yield* refresh(deployment, by, token)
        assert.deepStrictEqual([answer.status, answer.body["error"]], [400, "invalid_grant"])
        assert.strictEqual((yield* knock(deployment.url, access)).status, 401)
        yield* deployment.google.signIn(ANN)
        assert.strictEqual((yield* refresh(deployment, by, token)).status, 400)
      })
    )
  )
})

describe("consent", () => {
  it.live("is remembered for a site, and asked for again when another account signs in", () =>
    withPerson((deployment, visitor) =>
      Effect.gen(function* () {
        const first = yield* program(deployment, SITE)
        page(yield* visitor.go(first.request))
        const redeemed = yield* redeem(deployment, first, yield* visitor.allow(first.request))
        assert.strictEqual(decodeJwt(redeemed.body["access_token"])["email"], "ann@example.com")

        const second = request(deployment.issuer, first.id, SITE)
        const silently = yield* redeem(deployment, second, away(yield* visitor.go(second.request)))
        assert.strictEqual(decodeJwt(silently.body["access_token"])["email"], "ann@example.com")

        yield* deployment.google.signIn(BOB)
        const third = request(deployment.issuer, first.id, SITE)
        const asked = page(yield* visitor.go(third.request))
        assert.include(textOf(asked), BOB.email)
        assert.include(textOf(asked), "ann@example.com")
        const answer = away(yield* visitor.submit(asked, { [DECISION.field]: DECISION.allow }))
        const bobs = yield* redeem(deployment, third, answer)
        assert.strictEqual(decodeJwt(bobs.body["access_token"])["email"], BOB.email)
      })
    )
  )

  it.live("is asked for every time by a program on the person's own machine", () =>
    withPerson((deployment, visitor) =>
      Effect.gen(function* () {
        const { program: by } = yield* signedIn(deployment, visitor)
        page(yield* visitor.go(request(deployment.issuer, by.id, by.redirectUri).request))
      })
    )
  )

  it.live("refused here or at Google is told to the program, with the issuer and its state", () =>
    withPerson((deployment, visitor) =>
      Effect.gen(function* () {
        const told = (answer: URL) => ["error", "state", "iss", "code"].map((name) => answer.searchParams.get(name))
        const expected = ["access_denied", "state-of-the-program", deployment.issuer, null]
        const by = yield* program(deployment)
        const asked = page(yield* visitor.go(by.request))
        const denied = away(yield* visitor.submit(asked, { [DECISION.field]: DECISION.deny }))
        assert.deepStrictEqual(told(denied), expected)
        yield* deployment.google.refuse(true)
        assert.deepStrictEqual(told(yield* visitor.allow(by.request)), expected)
      })
    )
  )
})

describe("an account", () => {
  it.live("that is not admitted is told so, with a reference that the log has too; its program gets no code", () =>
    withPerson(
      (deployment, visitor) =>
        Effect.gen(function* () {
          const by = yield* program(deployment)
          const asked = page(yield* visitor.go(by.request))
          const refused = page(yield* visitor.submit(asked, { [DECISION.field]: DECISION.allow }))
          assert.strictEqual(refused.status, 403)
          assert.include(textOf(refused), "This account may not use this server")
          assert.include(textOf(refused), "ann@example.com")
          const reference = /\b[0-9a-f]{10}\b/u.exec(textOf(refused))?.[0] ?? "no reference"
          assert.include(deployment.proxy().output(), reference)
        }),
      { env: { MCP_ALLOWED_EMAILS: "carol@example.com" } }
    )
  )

  const write = (folder: string, email: string): void => {
    mkdirSync(join(folder, "data"), { recursive: true })
    const file = join(folder, "data/users.json")
    writeFileSync(`${file}.new`, JSON.stringify({ [email]: { allowed_tools: ["*"] } }))
    renameSync(`${file}.new`, file)
  }

  it.live("that loses its admission while running is out within a second, and cannot renew", () =>
    withPerson(
      (deployment, visitor) =>
        Effect.gen(function* () {
          const { access, program: by, refresh: token } = yield* signedIn(deployment, visitor)
          assert.strictEqual((yield* knock(deployment.url, access)).status, 200)
          const before = yield* Clock.currentTimeMillis
          write(deployment.folder, "carol@example.com")
          yield* knock(deployment.url, access).pipe(
            Effect.flatMap(({ status }) => (status === 200 ? Effect.fail(status) : Effect.succeed(status))),
            Effect.retry(Schedule.spaced(20)),
            Effect.timeout("10 seconds"),
            Effect.orDie
          )
          const millis = (yield* Clock.currentTimeMillis) - before
          assert.isBelow(millis, 1000)
          // Signing in again would lead to the same refusal, so no client is sent there.
          assert.strictEqual((yield* knock(deployment.url, access)).status, 403)
          const answer = yield* refresh(deployment, by, token)
          assert.deepStrictEqual([answer.status, answer.body["error"]], [400, "invalid_grant"])
        }),
      { prepare: (folder) => write(folder, "ann@example.com") }
    )
  )
})
