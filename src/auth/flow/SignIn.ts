/**
 * Signing a person in, step by step: request, consent, identity provider, callback, code. Each step checks that it is
 * this browser's turn; what it decides, the routes carry out.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { logger } from "../../observability/Logging.ts"
import { counter } from "../../observability/Metrics.ts"
import { Subject } from "../../domain/ServerId.ts"
import type { StoreError } from "../../storage/Store.ts"
import { AccessPolicy } from "../../access/AccessPolicy.ts"
import { Audit } from "../../access/Audit.ts"
import { type Outcome, whoOf } from "../../domain/AuditRecord.ts"
import * as AuthMetrics from "../AuthMetrics.ts"
import { Consents } from "../Consents.ts"
import type { Browser } from "../Cookies.ts"
import { type Identity, IdentityProvider, type ProviderUnavailable } from "../IdentityProvider.ts"
import * as SignInErrors from "../pages/SignInErrors.ts"
import { of, type PublicUrl } from "../PublicUrl.ts"
import { Accounts, fromKept, principalOf, toKept } from "../server/Accounts.ts"
import {
  AuthorizationServer,
  type AuthorizationServerError,
  type ClientInfo,
  type Transaction
} from "../server/AuthorizationServer.ts"
import { type Flow, Flows, newId } from "./Flows.ts"
import { Stopped } from "./Stopped.ts"

const log = logger("auth")

/** What the browser is to do next. */
export type Step =
  /** Elsewhere: to the provider, or back to the client. */
  | { readonly _tag: "Leave"; readonly url: string; readonly signedIn?: Identity }
  /** To the page that asks for consent. */
  | { readonly _tag: "Ask"; readonly flow: string }
  /** To the person's own page. */
  | { readonly _tag: "Account"; readonly signedIn: Identity }

/** What the consent page shows. */
export interface Question {
  readonly flow: string
  readonly transaction: Transaction
  readonly client: ClientInfo
  /** Who has signed in already. */
  readonly account: Identity | undefined
  /** Whose consent did not count, because somebody else signed in. */
  readonly previous: string | undefined
}

type Failure = Stopped | StoreError | AuthorizationServerError

/** The browser, known by now. */
export type KnownBrowser = Browser & { readonly id: string }

export class SignIn extends Context.Service<
  SignIn,
  {
    /** A client's request. `isOwnNavigation`: the person came by themselves, or from this site (Sec-Fetch-Site). */
    readonly authorize: (
      query: URLSearchParams,
      browser: KnownBrowser,
      isOwnNavigation: boolean
    ) => Effect.Effect<Step, Failure>
    /** A person who wants to see their own page. */
    readonly visitAccount: (browser: KnownBrowser) => Effect.Effect<Step, Failure>
    readonly question: (flow: string, browser: Browser) => Effect.Effect<Question, Failure>
    readonly decide: (flow: string, browser: Browser, isAllowed: boolean) => Effect.Effect<Step, Failure>
    /** The provider has sent the browser back. */
    readonly callback: (query: URLSearchParams, browser: Browser) => Effect.Effect<Step, Failure>
  }
>()("mcp-proxy/auth/flow/SignIn") {}

const make = (url: PublicUrl) =>
  Effect.gen(function* () {
    const server = yield* AuthorizationServer
    const flows = yield* Flows
    const consents = yield* Consents
    const accounts = yield* Accounts
    const policy = yield* AccessPolicy
    const audit = yield* Audit
    const provider = yield* IdentityProvider
    const signIns = yield* counter(AuthMetrics.families.signIns)
    const redirectUri = of(url, "/auth/callback")

    const unavailable = (error: ProviderUnavailable) =>
      new Stopped({ error: SignInErrors.providerUnavailable(provider.name), detail: error.message })

    /** Sends the browser to the provider. Nothing that the provider is given leads anywhere before this. */
    const visit = Effect.fnUntraced(function* (flow: Flow, hint: string | undefined) {
      const state = newId()
      const { memory, url: target } = yield* provider
        .begin({ state, redirectUri, again: flow.again, ...(hint === undefined ? {} : { loginHint: hint }) })
        .pipe(Effect.mapError(unavailable))
      yield* flows.visit(state, { flow, memory })
      return { _tag: "Leave", url: target } satisfies Step
    })

    const record = Effect.fnUntraced(function* (
      kind: "sign-in" | "consent",
      outcome: Outcome,
      { transaction }: Flow,
      about: { readonly identity?: Identity | undefined; readonly detail?: string }
    ) {
      if (kind === "sign-in") signIns([outcome])
      const client = transaction === undefined ? undefined : yield* server.client(transaction.clientId)
      yield* audit.record({
        kind,
        outcome,
        ...(about.identity === undefined ? {} : { principal: whoOf(principalOf(about.identity)) }),
        ...(transaction === undefined ? {} : { target: transaction.resource }),
        ...(client === undefined ? {} : { client: { id: client.id, name: client.name } }),
        ...(about.detail === undefined ? {} : { detail: about.detail })
      })
    })

    const expired = (detail: string) => Effect.fail(new Stopped({ error: SignInErrors.expired, detail }))

    const own = (flow: Flow, browser: Browser) =>
      flow.browser === browser.id
        ? Effect.succeed(flow)
        : Effect.fail(
            new Stopped({ error: SignInErrors.otherBrowser, detail: "the browser's cookie is missing or another's" })
          )

    const find = Effect.fnUntraced(function* (id: string, browser: Browser) {
      const found = yield* flows.find(id)
      if (Option.isNone(found)) return yield* expired("there is no such flow")
      return yield* own(found.value, browser)
    })

    const ended = (location: string | undefined) =>
      location === undefined
        ? expired("the client's request has expired")
        : Effect.succeed({ _tag: "Leave", url: location } satisfies Step)

    const deny = (transaction: Transaction, reason: string) => Effect.flatMap(server.deny(transaction, reason), ended)

    /** The person is known, and may come in: a code for the client. */
    const complete = Effect.fnUntraced(function* (flow: Flow, identity: Identity) {
      yield* flows.remove(flow.id)
      const { transaction } = flow
      if (transaction === undefined) {
        yield* record("sign-in", "ok", flow, { identity })
        return { _tag: "Account", signedIn: identity } satisfies Step
      }
      yield* consents.remember(identity.subject, transaction)
      const step = yield* ended(yield* server.allow(transaction, identity.subject))
      yield* log.info(`${identity.email} signed in, for ${transaction.clientId}`)
      yield* record("consent", "ok", flow, { identity })
      yield* record("sign-in", "ok", flow, { identity })
      return { ...step, signedIn: identity } satisfies Step
    })

    /** Who last signed in on a browser. */
    const lastOn = ({ person }: Browser) => (person === undefined ? Effect.succeedNone : accounts.find(person))

    const refusal = (reason: string): SignInErrors.SignInError => SignInErrors.refused(provider.name, reason)

    return SignIn.of({
      authorize: Effect.fnUntraced(function* (query, browser, isOwnNavigation) {
        const authorization = yield* server.authorize(query)
        if (authorization._tag === "Redirect") {
          yield* log.debug(`Authorization request refused: ${authorization.error}`)
          return { _tag: "Leave", url: authorization.url } satisfies Step
        }
        if (authorization._tag === "Refused") {
          const detail = `${authorization.error}: ${authorization.description}`
          return yield* new Stopped({ error: refusedRequest(authorization), detail })
        }
        const { transaction } = authorization
        const flow: Flow = { id: newId(), browser: browser.id, transaction, again: false }
        const known = yield* lastOn(browser)
        if (isOwnNavigation && Option.isSome(known)) {
          const { email, subject } = known.value.identity
          if (yield* consents.isRemembered(subject, transaction)) {
            return yield* visit({ ...flow, consentOf: subject }, email)
          }
        }
        yield* flows.save(flow)
        return { _tag: "Ask", flow: flow.id } satisfies Step
      }),
      visitAccount: (browser) => visit({ id: newId(), browser: browser.id, again: false }, undefined),
      question: Effect.fnUntraced(function* (id, browser) {
        const { account, consentOf, transaction } = yield* find(id, browser)
        const client = transaction === undefined ? undefined : yield* server.client(transaction.clientId)
        if (transaction === undefined || client === undefined) return yield* expired("the client is not known any more")
        const previous = consentOf === undefined ? Option.none() : yield* accounts.find(consentOf)
        return {
          flow: id,
          transaction,
          client,
          account: account?.identity,
          previous: Option.getOrUndefined(Option.map(previous, ({ identity }) => identity.email))
        }
      }),
      decide: Effect.fnUntraced(function* (id, browser, isAllowed) {
        const flow = yield* find(id, browser)
        const { account, transaction } = flow
        if (transaction === undefined) return yield* expired("the flow asks for nothing")
        if (!isAllowed) {
          yield* flows.remove(id)
          yield* record("consent", "denied", flow, { identity: account?.identity })
          return yield* deny(transaction, "The person said no")
        }
        if (account === undefined) {
          const known = yield* lastOn(browser)
          return yield* visit(flow, Option.getOrUndefined(Option.map(known, ({ identity }) => identity.email)))
        }
        const { identity } = yield* accounts.signedIn(fromKept(account))
        return yield* complete(flow, identity)
      }),
      callback: Effect.fnUntraced(function* (query, browser) {
        const said = query.get("error")?.slice(0, 100) ?? (query.has("code") ? "a code" : "no code")
        yield* log.debug(`Callback from ${provider.name}: ${said}`)
        const taken = yield* flows.endVisit(query.get("state") ?? "")
        if (Option.isNone(taken)) return yield* expired("the state is unknown, expired, or was used before")
        const { flow, memory } = taken.value
        const { transaction } = yield* own(flow, browser)
        if (query.get("error") === "access_denied") {
          if (transaction !== undefined)
            return yield* deny(transaction, `The sign-in at ${provider.name} was cancelled`)
          return yield* new Stopped({ error: SignInErrors.cancelled(provider.name), detail: "access_denied" })
        }
        const signedIn = yield* provider.complete({ query, redirectUri, memory }).pipe(
          Effect.tapErrorTag("SignInRefused", ({ reason }) => record("sign-in", "refused", flow, { detail: reason })),
          Effect.catchTags({
            ProviderUnavailable: (error) => Effect.fail(unavailable(error)),
            SignInRefused: ({ detail, reason }) =>
              Effect.fail(new Stopped({ error: refusal(reason), detail: detail ?? reason }))
          })
        )
        const { identity, refreshToken } = signedIn
        const admission = policy.admit(identity)
        if (admission._tag === "Refused") {
          const detail = admission.reason
          yield* record("sign-in", "denied", flow, { identity, detail })
          return yield* new Stopped({ error: SignInErrors.notAdmitted(identity.email), detail, identity })
        }
        if (provider.rechecks && !flow.again && Option.isNone(refreshToken)) {
          const known = yield* accounts.find(identity.subject)
          const isKept = Option.exists(known, (account) => Option.isSome(account.refreshToken))
          if (!isKept) return yield* visit({ ...flow, again: true }, identity.email)
        }
        if (flow.consentOf !== undefined && Subject.make(flow.consentOf) !== identity.subject) {
          yield* flows.save({ ...flow, account: toKept(signedIn) })
          return { _tag: "Ask", flow: flow.id } satisfies Step
        }
        yield* accounts.signedIn(signedIn)
        return yield* complete(flow, identity)
      })
    })
  })

/** What the person is told where the client cannot be. */
const refusedRequest = (refused: {
  readonly error: string
  readonly description: string
}): SignInErrors.SignInError => {
  switch (refused.error) {
    case "invalid_client":
      return SignInErrors.unknownClient
    case "invalid_redirect_uri":
      return SignInErrors.redirectNotRegistered
    default:
      return SignInErrors.badRequest(refused.description)
  }
}

export const layer = (
  url: PublicUrl
): Layer.Layer<
  SignIn,
  never,
  AuthorizationServer | Flows | Consents | Accounts | AccessPolicy | Audit | IdentityProvider
> => Layer.effect(SignIn, make(url))
