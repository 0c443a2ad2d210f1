/** What browsers visit on the way from a client's request to its code. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Cookies from "../auth/Cookies.ts"
import { type KnownBrowser, SignIn, type Step } from "../auth/flow/SignIn.ts"
import { Stopped } from "../auth/flow/Stopped.ts"
import * as FormToken from "../auth/FormToken.ts"
import { IdentityProvider } from "../auth/IdentityProvider.ts"
import { consentPage, DECISION } from "../auth/pages/ConsentPage.ts"
import { demoLoginPage } from "../auth/pages/DemoLoginPage.ts"
import * as SignInErrors from "../auth/pages/SignInErrors.ts"
import { pathOf, type PublicUrl } from "../auth/PublicUrl.ts"
import { RequestRate } from "../auth/RequestRate.ts"
import * as Scopes from "../auth/Scopes.ts"
import * as SignInPages from "./SignInPages.ts"
import { destinationOf, formOf, queryOf, redirect, voucherOf } from "./SignInRequests.ts"
import * as Prefix from "./Prefix.ts"

type Request = HttpServerRequest.HttpServerRequest

/** Did the person come here by themselves, or from a page of this site? Anything else, and no answer, counts as led here. */
const isOwnNavigation = (request: Request): boolean =>
  ["none", "same-origin", "same-site"].includes(request.headers["sec-fetch-site"] ?? "")

export const layer = (url: PublicUrl) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const signIn = yield* SignIn
      const rate = yield* RequestRate
      const provider = yield* IdentityProvider
      const cookies = yield* Cookies.make(url)
      const formToken = yield* FormToken.make
      const { guarded, show, site } = SignInPages.make(url)
      const below = Prefix.below(router, url.pathPrefix)

      const browserOf = (request: Request) => cookies.read(request.headers["cookie"])

      /** The browser, made known if it is not. */
      const knownBrowser = Effect.fnUntraced(function* (request: Request) {
        const browser = yield* browserOf(request)
        if (browser.id !== undefined) {
          return { browser: { ...browser, id: browser.id } satisfies KnownBrowser, fresh: [] }
        }
        const { cookie, id } = yield* cookies.newBrowser
        return { browser: { ...browser, id } satisfies KnownBrowser, fresh: [cookie] }
      })

      const follow = Effect.fnUntraced(function* (step: Step, fresh: ReadonlyArray<Cookies.Cookie>) {
        if (step._tag === "Ask") return redirect(pathOf(url, `/consent?flow=${step.flow}`), fresh)
        const { signedIn } = step
        const person = signedIn === undefined ? [] : [yield* cookies.person(signedIn.subject)]
        const target = step._tag === "Leave" ? step.url : pathOf(url, "/auth/account")
        return redirect(target, [...fresh, ...person])
      })

      const slowDown = Effect.fnUntraced(function* (request: Request) {
        const wait = yield* rate.exceeded(
          "authorize",
          Option.getOrElse(request.remoteAddress, () => "")
        )
        if (Option.isNone(wait)) return
        const error = SignInErrors.tooManyRequests(Math.max(1, Math.ceil(Duration.toSeconds(wait.value))))
        return yield* new Stopped({ error, detail: "rate limit" })
      })

      const authorize = Effect.fnUntraced(function* (request: Request) {
        yield* slowDown(request)
        const query = request.method === "POST" ? yield* formOf(request) : queryOf(request)
        const { browser, fresh } = yield* knownBrowser(request)
        return yield* follow(yield* signIn.authorize(query, browser, isOwnNavigation(request)), fresh)
      })

      const login = Effect.fnUntraced(function* (request: Request) {
        if (request.method === "POST" || queryOf(request).has("client_id")) return yield* authorize(request)
        yield* slowDown(request)
        const { browser, fresh } = yield* knownBrowser(request)
        return yield* follow(yield* signIn.visitAccount(browser), fresh)
      })

      const ask = Effect.fnUntraced(function* (request: Request) {
        const browser = yield* browserOf(request)
        const question = yield* signIn.question(queryOf(request).get("flow") ?? "", browser)
        const { account, client, flow, previous, transaction } = question
        const page = consentPage({
          site,
          clientName: client.name ?? "",
          clientId: client.id,
          voucher: voucherOf(client),
          destination: destinationOf(transaction.redirectUri),
          redirectUri: transaction.redirectUri,
          scopes: Scopes.SUPPORTED,
          provider: provider.name,
          action: pathOf(url, "/consent"),
          hidden: [
            { name: "flow", value: flow },
            { name: FormToken.FIELD, value: yield* formToken.issue(flow, browser) }
          ],
          ...(account === undefined ? {} : { account: account.email }),
          ...(previous === undefined ? {} : { previousAccount: previous })
        })
        return show(page, "onward")
      })

      const decide = Effect.fnUntraced(function* (request: Request) {
        const browser = yield* browserOf(request)
        const form = yield* formOf(request)
        const flow = form.get("flow") ?? ""
        yield* formToken.check(form.get(FormToken.FIELD), flow, browser)
        const decision = form.get(DECISION.field)
        return yield* follow(yield* signIn.decide(flow, browser, decision === DECISION.allow), [])
      })

      const callback = Effect.fnUntraced(function* (request: Request) {
        const browser = yield* browserOf(request)
        return yield* follow(yield* signIn.callback(queryOf(request), browser), [])
      })

      const demoLogin = (request: Request) => {
        const query = queryOf(request)
        return Effect.succeed(
          show(
            demoLoginPage({
              site,
              action: pathOf(url, "/auth/callback"),
              hidden: [{ name: "state", value: query.get("state") ?? "" }],
              suggestion: query.get("login_hint") ?? ""
            }),
            "onward"
          )
        )
      }

      for (const method of ["GET", "POST"] as const) {
        yield* below.add(method, "/authorize", guarded(authorize))
        yield* below.add(method, "/auth/login", guarded(login))
      }
      yield* below.add("GET", "/consent", guarded(ask))
      yield* below.add("POST", "/consent", guarded(decide))
      yield* below.add("GET", "/auth/callback", guarded(callback))
      if (provider.isDemo) yield* below.add("GET", "/auth/demo", guarded(demoLogin))
    })
  )
