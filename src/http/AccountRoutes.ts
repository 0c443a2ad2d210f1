/** `/auth/account`: the page of whoever has signed in on a browser. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import { Account, type ConnectedProgram } from "../auth/Account.ts"
import * as Cookies from "../auth/Cookies.ts"
import * as FormToken from "../auth/FormToken.ts"
import { type AccountServer, accountPage } from "../auth/pages/AccountPage.ts"
import { pathOf, type PublicUrl } from "../auth/PublicUrl.ts"
import { principalOf } from "../auth/server/Accounts.ts"
import type { Principal } from "../domain/Principal.ts"
import { LATEST_LEGACY } from "../domain/Protocol.ts"
import { SessionKey } from "../domain/ServerId.ts"
import { Catalog, type Endpoint } from "../fleet/Catalog.ts"
import * as ClientLines from "./ClientLines.ts"
import { destinationOf, formOf, redirect, voucherOf } from "./SignInRequests.ts"
import * as SignInPages from "./SignInPages.ts"
import * as Prefix from "./Prefix.ts"

type Request = HttpServerRequest.HttpServerRequest

const ALL: Endpoint = { _tag: "All" }

/** What the forms of the page are for. */
const PURPOSE = "account"
const CLIENT_FIELD = "client"

/** What somebody sees who asks as a client of no session. */
const callerOf = (principal: Principal) => ({
  principal,
  session: SessionKey.make("account page"),
  capabilities: {},
  revision: LATEST_LEGACY
})

const program = ({ client, redirectUri, since }: ConnectedProgram) => ({
  clientName: client.name ?? "",
  voucher: voucherOf(client),
  destination: destinationOf(redirectUri),
  allowedAt: since,
  hidden: [{ name: CLIENT_FIELD, value: client.id }]
})

export const layer = (url: PublicUrl) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const account = yield* Account
      const policy = yield* AccessPolicy
      const catalog = yield* Catalog
      const cookies = yield* Cookies.make(url)
      const formToken = yield* FormToken.make
      const { guarded, show, site } = SignInPages.make(url)
      const below = Prefix.below(router, url.pathPrefix)
      const own = pathOf(url, "/auth/account")
      const toLogin = redirect(pathOf(url, "/auth/login"))

      const servers = (principal: Principal): ReadonlyArray<AccountServer> => {
        const { lists } = catalog.known(ALL, callerOf(principal))
        return catalog.section(ALL, principal).servers.map((server) => {
          const names = (kind: "tools" | "prompts") =>
            lists[kind].filter((entry) => entry.server === server).map(({ name }) => name)
          const resources = [...lists.resources, ...lists.resourceTemplates]
          return {
            name: server,
            tools: names("tools"),
            prompts: names("prompts"),
            resources: resources.filter((entry) => entry.server === server).length
          }
        })
      }

      const page = Effect.fnUntraced(function* (request: Request) {
        const browser = yield* cookies.read(request.headers["cookie"])
        const found = yield* account.identity(browser.person)
        if (Option.isNone(found) || browser.id === undefined) return toLogin
        const { email, name, subject } = found.value
        const principal = principalOf(found.value)
        const body = accountPage({
          site,
          email,
          ...(name === undefined ? {} : { name }),
          roles: policy.permissions(principal).isAdmin ? ["admin"] : [],
          servers: servers(principal),
          programs: (yield* account.programs(subject)).map(program),
          connect: {
            url: url.resource,
            claudeCode: ClientLines.claudeCode(url.resource),
            json: ClientLines.json(url.resource)
          },
          hidden: [{ name: FormToken.FIELD, value: yield* formToken.issue(PURPOSE, browser) }],
          revokeAction: `${own}/disconnect`,
          signOutAction: `${own}/sign-out`
        })
        return show(body, "here")
      })

      const disconnect = Effect.fnUntraced(function* (request: Request) {
        const browser = yield* cookies.read(request.headers["cookie"])
        const form = yield* formOf(request)
        yield* formToken.check(form.get(FormToken.FIELD), PURPOSE, browser)
        const found = yield* account.identity(browser.person)
        if (Option.isNone(found)) return toLogin
        yield* account.disconnect(found.value.subject, form.get(CLIENT_FIELD) ?? "")
        return redirect(own)
      })

      const signOut = Effect.fnUntraced(function* (request: Request) {
        const browser = yield* cookies.read(request.headers["cookie"])
        const form = yield* formOf(request)
        yield* formToken.check(form.get(FormToken.FIELD), PURPOSE, browser)
        return redirect(pathOf(url, "/"), [cookies.signOut])
      })

      yield* below.add("GET", "/auth/account", guarded(page))
      yield* below.add("POST", "/auth/account/disconnect", guarded(disconnect))
      yield* below.add("POST", "/auth/account/sign-out", guarded(signOut))
    })
  )
