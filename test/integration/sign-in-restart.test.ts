/** A proxy that ends in the middle of a sign-in, by request or by force, and another that takes its place. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { DECISION } from "../../src/auth/pages/ConsentPage.ts"
import {
  away,
  browser,
  deploy,
  knock,
  page,
  post,
  program,
  redeem,
  refresh,
  request,
  signedIn,
  SITE,
  textOf
} from "./signIn.ts"

const ALLOW = { [DECISION.field]: DECISION.allow }

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  describe(`a proxy that is ended by ${signal} and started again`, () => {
    it.live(
      "goes on with a sign-in wherever it was",
      () =>
        Effect.gen(function* () {
          const deployment = yield* deploy()
          const { google, issuer, restart, url } = deployment
          const visitor = yield* browser(deployment)
          const [here, there] = [new URL(issuer).host, new URL(google.issuer).host]

          const by = yield* program(deployment, SITE)
          yield* restart(signal)
          // Registered: the client is still known.
          const asked = page(yield* visitor.go(by.request))
          yield* restart(signal)
          // Asked: the page that is open still works.
          visitor.hosts.delete(there)
          const sent = away(yield* visitor.submit(asked, ALLOW))
          assert.strictEqual(sent.host, there)
          yield* restart(signal)
          // At Google: whoever comes back is expected.
          visitor.hosts.add(there)
          visitor.hosts.delete(here)
          const back = away(yield* visitor.go(sent))
          assert.strictEqual(back.host, here)
          yield* restart(signal)
          visitor.hosts.add(here)
          const answer = away(yield* visitor.go(back))
          yield* restart(signal)
          // A code: it is still good, once.
          const { body, status } = yield* redeem(deployment, by, answer)
          assert.strictEqual(status, 200)
          yield* restart(signal)
          // Tokens: both still work, and the consent is remembered.
          assert.strictEqual((yield* knock(url, body["access_token"])).status, 200)
          const renewed = yield* refresh(deployment, by, body["refresh_token"])
          assert.strictEqual(renewed.status, 200)
          const again = request(issuer, by.id, SITE)
          assert.isNotNull(away(yield* visitor.go(again.request)).searchParams.get("code"))
        }).pipe(Effect.scoped),
      180_000
    )

    it.live(
      "lets nothing be used twice that was used before, and nothing be used that was revoked",
      () =>
        Effect.gen(function* () {
          const deployment = yield* deploy()
          const { issuer, restart, url } = deployment
          const visitor = yield* browser(deployment)
          const by = yield* program(deployment)
          const asked = page(yield* visitor.go(by.request))
          const answer = away(yield* visitor.submit(asked, ALLOW))
          const { body } = yield* redeem(deployment, by, answer)
          const revoked = yield* signedIn(deployment, visitor)
          yield* post(`${issuer}/revoke`, { client_id: revoked.program.id, token: revoked.refresh })
          yield* restart(signal)

          const form = page(yield* visitor.submit(asked, ALLOW))
          assert.include(textOf(form), "This sign-in has expired")
          assert.strictEqual((yield* knock(url, revoked.access)).status, 401)
          assert.strictEqual((yield* refresh(deployment, revoked.program, revoked.refresh)).status, 400)
          assert.strictEqual((yield* knock(url, body["access_token"])).status, 200)
          const replayed = yield* redeem(deployment, by, answer)
          assert.deepStrictEqual([replayed.status, replayed.body["error"]], [400, "invalid_grant"])
          // The code was in other hands, so what it gave is taken back.
          assert.strictEqual((yield* knock(url, body["access_token"])).status, 401)
          assert.strictEqual((yield* refresh(deployment, by, body["refresh_token"])).status, 400)
        }).pipe(Effect.scoped),
      120_000
    )
  })
}

describe("a proxy whose data is gone", () => {
  it.live(
    "says so at every step, and lets people begin anew",
    () =>
      Effect.gen(function* () {
        const deployment = yield* deploy()
        const { restart, folder } = deployment
        const visitor = yield* browser(deployment)
        const held = yield* signedIn(deployment, visitor)
        const asked = page(yield* visitor.go((yield* program(deployment)).request))
        yield* restart(
          "SIGTERM",
          Effect.sync(() => rmSync(join(folder, "data"), { recursive: true }))
        )
        assert.include(textOf(page(yield* visitor.submit(asked, ALLOW))), "This sign-in has expired")
        assert.include(textOf(page(yield* visitor.go(held.program.request))), "This program is not known here")
        const refused = yield* refresh(deployment, held.program, held.refresh)
        assert.deepStrictEqual([refused.status, refused.body["error"]], [401, "invalid_client"])
        const anew = yield* signedIn(deployment, visitor)
        assert.strictEqual((yield* knock(deployment.url, anew.access)).status, 200)
      }).pipe(Effect.scoped),
    120_000
  )
})
