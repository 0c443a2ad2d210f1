/** The storage fails at any moment of a sign-in: it is said, with a reference that is in the log, and nothing is given. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { randomUUID } from "node:crypto"
import { RootKey } from "../../src/keys/RootKey.ts"
import { layerMemory, Store, StoreError } from "../../src/storage/Store.ts"
import { collectingLogs } from "../support/logged.ts"
import { type Answer, form, goodRequest, json, locationOf, openBrowser, serve, type Served } from "../support/served.ts"

const CALLBACK = "https://app.example/cb"

/** A store that fails from the nth operation after `arm(n)` on: full (writes fail), or broken (everything does). */
const failing = Effect.gen(function* () {
  const store = yield* Effect.provide(Store, Layer.fresh(layerMemory))
  let left = Infinity
  let isBroken = false
  let seen = 0
  const guard =
    <Args extends ReadonlyArray<unknown>, A>(isWrite: boolean, run: (...args: Args) => Effect.Effect<A, StoreError>) =>
    (...args: Args): Effect.Effect<A, StoreError> =>
      Effect.suspend(() => {
        if (isWrite || isBroken) {
          seen++
          if (left-- <= 0)
            return Effect.fail(new StoreError({ operation: "write", reason: "database or disk is full" }))
        }
        return run(...args)
      })
  const layer = Layer.succeed(Store, {
    put: guard(true, store.put),
    add: guard(true, store.add),
    get: guard(false, store.get),
    take: guard(true, store.take),
    remove: guard(true, store.remove),
    list: guard(false, store.list)
  })
  return {
    layer,
    arm: (after: number, what: "full" | "broken") => {
      left = after
      isBroken = what === "broken"
      seen = 0
    },
    repair: () => {
      left = Infinity
      isBroken = false
    },
    seen: () => seen
  }
})

/** The whole of it, up to tokens that were refreshed and revoked; each answer in turn, until one fails. */
const journey = (served: Served) =>
  Effect.gen(function* () {
    const answers: Array<readonly [string, Answer]> = []
    const browser = openBrowser(served)
    const keep = <E>(what: string, asked: Effect.Effect<Answer, E>) =>
      Effect.gen(function* () {
        if (answers.some(([, { status }]) => status >= 400))
          return { status: 0, headers: {}, setCookies: [], body: "{}" }
        const answer = yield* asked
        answers.push([what, answer])
        return answer
      })
    const registered = yield* keep(
      "register",
      served.ask("/register", json({ redirect_uris: [CALLBACK], client_name: randomUUID() }))
    )
    const { client_id: id = "" } = JSON.parse(registered.body) as { readonly client_id?: string }
    const { query, verifier } = goodRequest(id, CALLBACK)
    const begun = yield* keep("authorize", browser.begin(query))
    let fields = new URLSearchParams()
    yield* keep(
      "page",
      Effect.map(browser.page(begun), (page) => {
        fields = page.fields
        return page
      })
    )
    const left = yield* keep(
      "consent",
      Effect.suspend(() => browser.decide(fields, "allow"))
    )
    const back = yield* keep("callback", browser.signInAs(left, "ann"))
    const grant = {
      grant_type: "authorization_code",
      client_id: id,
      code: locationOf(back).searchParams.get("code") ?? "",
      code_verifier: verifier,
      redirect_uri: CALLBACK
    }
    const exchanged = yield* keep("token", served.ask("/token", form(grant)))
    const { refresh_token: first = "" } = JSON.parse(exchanged.body) as { readonly refresh_token?: string }
    const again = { grant_type: "refresh_token", client_id: id, refresh_token: first }
    const refreshed = yield* keep("refresh", served.ask("/token", form(again)))
    const { refresh_token: second = "" } = JSON.parse(refreshed.body) as { readonly refresh_token?: string }
    yield* keep("revoke", served.ask("/revoke", form({ client_id: id, token: second })))
    return answers
  })

const PAGES = new Set(["authorize", "page", "consent", "callback"])

const assertSaid = (what: string, { body, headers, status }: Answer, lines: string): void => {
  if (PAGES.has(what)) {
    assert.strictEqual(status, 500, what)
    assert.include(body, "Something went wrong here", what)
    const [reference] = /\b[0-9a-f]{10}\b/u.exec(body.slice(body.indexOf("<main"))) ?? []
    assert.isDefined(reference, what)
    assert.include(lines, reference)
  } else {
    assert.strictEqual(status, 500, what)
    assert.strictEqual((JSON.parse(body) as { readonly error: string }).error, "server_error", what)
  }
  assert.include(lines, "disk is full", what)
  assert.notInclude(body, "disk is full", what)
  assert.isUndefined(headers["location"])
  assert.notInclude(body, "access_token")
}

describe.each(["full", "broken"] as const)("a storage that is %s", (kind) => {
  it.live(
    "at any step is said there, on a page or as server_error, with its cause in the log; afterwards all goes on",
    () =>
      Effect.gen(function* () {
        const storage = yield* failing
        const key = Layer.succeed(RootKey, yield* Effect.provide(RootKey, RootKey.layerRandom))
        /** A journey on a proxy of its own, for each has its own rate limits. */
        const travel = (after: number) =>
          Effect.gen(function* () {
            storage.repair()
            const served = yield* serve({ surroundings: Layer.merge(storage.layer, key) })
            storage.arm(after, kind)
            return yield* Effect.ensuring(journey(served), Effect.sync(storage.repair))
          }).pipe(Effect.scoped)
        const whole = yield* travel(Infinity)
        const operations = storage.seen()
        assert.deepStrictEqual(
          whole.map(([what, { status }]) => `${what} ${status}`),
          [
            "register 201",
            "authorize 303",
            "page 200",
            "consent 303",
            "callback 303",
            "token 200",
            "refresh 200",
            "revoke 200"
          ]
        )
        assert.isAbove(operations, 10)
        const failedAt = new Set<string>()
        for (let after = 0; ; after++) {
          const [answers, lines] = yield* collectingLogs(travel(after))
          const [what, last] = answers.at(-1) ?? assert.fail("it did not begin")
          // Beyond the last operation there is nothing left to fail.
          if (storage.seen() <= after) break
          failedAt.add(what)
          // All is done by then, but for asking whose it was, for the audit trail.
          if (what === "revoke" && last.status === 200) continue
          assertSaid(what, last, JSON.stringify(lines.map(({ fields, text }) => ({ text, fields }))))
        }
        assert.includeMembers(
          [...failedAt],
          ["register", "authorize", "consent", "callback", "token", "refresh", "revoke"]
        )
        assert.strictEqual((yield* travel(Infinity)).at(-1)?.[1].status, 200)
      }),
    60_000
  )
})
