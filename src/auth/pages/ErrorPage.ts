/** The page for what ends a sign-in: what happened, what to do, and by what it is found in the log. */
import * as Foreign from "../../html/Foreign.ts"
import { html, type Html } from "../../html/Html.ts"
import { page, type Site } from "../../html/Page.ts"
import type { SignInError } from "./SignInErrors.ts"

export interface ErrorModel {
  readonly site: Site
  readonly error: SignInError
  /** Stands in the log line of this error too. */
  readonly reference: string
  /** For those who look closer. */
  readonly details?: ReadonlyArray<{ readonly label: string; readonly value: string }>
  /** A way on. Shown only if it leads to a web page. */
  readonly link?: { readonly href: string; readonly text: string }
}

/** A path on this server, or a web address: never a `javascript:`. */
const isWebAddress = (href: string): boolean => /^(?:\/(?![/\\])|https?:\/\/)/iu.test(href)

const remedies = (texts: ReadonlyArray<string>): Html =>
  texts.length === 1
    ? html`<p>${texts[0] ?? ""}</p>`
    : html`<ul>
        ${texts.map((text) => html`<li>${text}</li>`)}
      </ul>`

const particulars = (details: NonNullable<ErrorModel["details"]>): Html =>
  details.length === 0
    ? html``
    : html`<details>
        <summary>Technical details</summary>
        <dl>
          ${details.map(
            ({ label, value }) =>
              html`<dt>${label}</dt>
                <dd><code>${Foreign.line(value)}</code></dd>`
          )}
        </dl>
      </details>`

export const errorPage = ({ details = [], error, link, reference, site }: ErrorModel): string =>
  page({
    title: error.title,
    site,
    body: html`
      <h1>${error.title}</h1>
      <p>${error.happened}</p>
      <h2>What you can do</h2>
      ${remedies(error.remedies)}
      ${link !== undefined && isWebAddress(link.href) ? html`<p><a class="button" href="${link.href}">${link.text}</a></p>` : html``}
      ${particulars(details)}
      <p class="foot fine soft">
        If you ask for help, name this reference, by which it is found in the server’s log:
        <code>${reference}</code>
      </p>
    `
  })
