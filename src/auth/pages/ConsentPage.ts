/** The page that asks a person whether a program may act in their name. */
import * as Foreign from "../../html/Foreign.ts"
import { html, type Html } from "../../html/Html.ts"
import { page, type Site } from "../../html/Page.ts"
import { type HiddenField, hiddenFields } from "./Form.ts"
import { type Destination, host, isNameless, quoted, type Voucher } from "./Program.ts"

export interface ConsentModel {
  readonly site: Site
  /** What the program calls itself; may be empty, and anything. */
  readonly clientName: string
  readonly clientId: string
  readonly voucher: Voucher
  readonly destination: Destination
  /** The exact address behind `destination`. */
  readonly redirectUri: string
  readonly scopes: ReadonlyArray<string>
  /** Who signs people in: "Google". */
  readonly provider: string
  /** Where the answer is posted to. */
  readonly action: string
  readonly hidden: ReadonlyArray<HiddenField>
  /** Who has signed in already: then no sign-in follows. */
  readonly account?: string
  /** Who allowed this before, where that was another account than the one that signed in. */
  readonly previousAccount?: string
  /** What the operator wants people to know before they answer. */
  readonly notes?: ReadonlyArray<string>
}

/** The field that carries the answer, and its two values. */
export const DECISION = { field: "decision", allow: "allow", deny: "deny" } as const

/** Anybody can have a web site: what stands beside it is a globe, not a tick. */
const globe = html`<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true">
  <circle cx="10" cy="10" r="8" />
  <path d="M2 10h16M10 2c6 5 6 11 0 16-6-5-6-11 0-16" />
</svg>`

const triangle = html`<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.75" aria-hidden="true">
  <path d="M10 2.5 18.5 17h-17zM10 8v4.2m0 2.1v.2" stroke-linecap="round" stroke-linejoin="round" />
</svg>`

const person = html`<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.75" aria-hidden="true">
  <circle cx="10" cy="6.5" r="3.7" />
  <path d="M2.8 18c.6-3.6 3.5-5.2 7.2-5.2s6.6 1.6 7.2 5.2" stroke-linecap="round" />
</svg>`

/** Who asks. A name that nobody vouches for stands in a frame of its own, so that nothing in it looks like ours. */
const question = ({ clientName, site, voucher }: ConsentModel): Html => {
  const wish = html`<span class="lead">asks to use <strong>${site.name}</strong> in your name</span>`
  if (voucher._tag === "Host") {
    return html`<h1><span class="claim">${quoted(clientName)}</span> ${wish}</h1>
      <p class="voucher">
        ${globe}
        <span>
          It comes from <strong>${host(voucher.host)}</strong>
          <small>That web site itself says so. Allow only if you know it.</small>
        </span>
      </p>`
  }
  return isNameless(clientName)
    ? html`<h1><span class="claim">${quoted(clientName)}</span> ${wish}</h1>`
    : html`<h1>
        <span class="lead">A program that calls itself</span> <span class="claim doubtful">${quoted(clientName)}</span>
        ${wish}
      </h1>`
}

const accountNotice = ({ account, previousAccount }: ConsentModel): Html => {
  if (account === undefined) return html``
  const before =
    previousAccount === undefined
      ? html``
      : html`<p>
          It was <strong><bdi>${Foreign.line(previousAccount)}</bdi></strong> who allowed this program. This is another
          account, so you are asked again.
        </p>`
  return html`<div class="notice">
    ${person}
    <div>
      <p>
        You signed in as <strong><bdi>${Foreign.line(account)}</bdi></strong>
      </p>
      ${before}
    </div>
  </div>`
}

/** Where an answer to this device goes: any program on it may be the one that takes it. */
const onThisDevice = (destination: Exclude<Destination, { readonly _tag: "Site" }>): Html =>
  destination._tag === "Loopback"
    ? html`The access goes to <strong>a program on this computer</strong>. Allow only if you have just started this
        yourself, on this computer.`
    : html`The access goes to <strong>an app on this device</strong>: the one that opens
        <strong><bdi>${Foreign.line(destination.scheme, 40)}:</bdi></strong> links. Allow only if you have just started
        this in that app.`

/** What a person should look at before they allow; nothing where a web site vouches, and the answer goes to one. */
const warning = ({ clientName, destination, voucher }: ConsentModel): Html => {
  const doubt = isNameless(clientName)
    ? "Nobody knows whose program this is."
    : "Nobody has checked this name. Any program can call itself that."
  const unchecked = voucher._tag === "Nobody" ? [html`<p>${doubt}</p>`] : []
  const goal =
    destination._tag !== "Site"
      ? [html`<p>${onThisDevice(destination)}</p>`]
      : voucher._tag === "Nobody"
        ? [
            html`<p>
              What counts is where the access goes: <strong>${host(destination.host)}</strong>. Allow only if you know
              this address, and have just asked to connect it.
            </p>`
          ]
        : []
  const paragraphs = [...unchecked, ...goal]
  return paragraphs.length === 0
    ? html``
    : html`<div class="notice warning">
        ${triangle}
        <div>${paragraphs}</div>
      </div>`
}

const journey = (destination: Destination): Html => {
  switch (destination._tag) {
    case "Site":
      return html`Your browser goes to <strong class="where">${host(destination.host)}</strong>`
    case "Loopback":
      return html`Your browser goes to <strong class="where">a program on this computer</strong>
        <small>${host(destination.host)}</small>`
    case "App":
      return html`Your browser opens <strong class="where">an app on this device</strong>
        <small><bdi>${Foreign.line(destination.scheme, 40)}:</bdi> links</small>`
  }
}

const SCOPES: Readonly<Record<string, (site: Site) => Html>> = {
  mcp: ({ name }) =>
    html`It may use the tools on ${name} <small>those that you may use, in your name, and see their answers</small>`,
  offline_access: () => html`It stays connected <small>until you revoke it, also while you are away</small>`
}

const permission = (scope: string, site: Site): Html =>
  (Object.hasOwn(SCOPES, scope) ? SCOPES[scope]?.(site) : undefined) ??
  html`It may also have <bdi>“${Foreign.name(scope)}”</bdi>`

const path = ({ account, destination, provider, scopes, site }: ConsentModel): Html => {
  const signIn =
    account === undefined
      ? [html`You sign in with ${provider} <small>The program does not see your password.</small>`]
      : []
  const steps = [...signIn, journey(destination), ...scopes.map((scope) => permission(scope, site))]
  return html`<ol class="path">
    ${steps.map((step) => html`<li>${step}</li>`)}
  </ol>`
}

/**
 * The whole page. Deny comes first in reading order and with it in tab order, so that it is also what a browser takes
 * for the form's answer where none is named; nothing has the focus at first, so Enter alone answers nothing.
 */
export const consentPage = (model: ConsentModel): string => {
  const notes = (model.notes ?? []).map((note) => html`<p class="fine soft">${note}</p>`)
  return page({
    title: "Allow access?",
    site: model.site,
    body: html`
      ${question(model)} ${accountNotice(model)} ${warning(model)}
      <h2>If you allow</h2>
      ${path(model)}
      <form method="post" action="${model.action}">
        ${hiddenFields(model.hidden)}
        <div class="choice">
          <button name="${DECISION.field}" value="${DECISION.deny}">Deny</button>
          <button class="main arm" name="${DECISION.field}" value="${DECISION.allow}">Allow</button>
        </div>
      </form>
      <p class="fine soft">If you deny, the program is told so, and nothing else happens.</p>
      ${notes}
      <details>
        <summary>Technical details</summary>
        <dl>
          <dt>Program’s identifier</dt>
          <dd><code>${Foreign.line(model.clientId)}</code></dd>
          <dt>Address that the answer goes to</dt>
          <dd><code>${Foreign.line(model.redirectUri)}</code></dd>
          <dt>Scopes</dt>
          <dd><code>${Foreign.line(model.scopes.join(" "))}</code></dd>
        </dl>
      </details>
    `
  })
}
