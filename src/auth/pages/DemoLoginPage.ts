/** The demo's stand-in for a sign-in: one types a name. */
import * as Foreign from "../../html/Foreign.ts"
import { html } from "../../html/Html.ts"
import { page, type Site } from "../../html/Page.ts"
import { type HiddenField, hiddenFields } from "./Form.ts"

export interface DemoLoginModel {
  readonly site: Site
  /** Where the name is sent to, as the query of a GET; the hidden fields are all that it has beside it. */
  readonly action: string
  readonly hidden: ReadonlyArray<HiddenField>
  /** What to begin with, such as the name that was refused. */
  readonly suggestion?: string
  /** Why it is asked again. */
  readonly problem?: string
}

/** The field that carries the name. */
export const NAME_FIELD = "name"

export const demoLoginPage = ({ action, hidden, problem, site, suggestion }: DemoLoginModel): string =>
  page({
    title: "Sign in",
    site,
    body: html`
      <h1>Who are you?</h1>
      <p>This server runs as a demo. Type any name: nobody checks it, and no password is needed.</p>
      <form method="get" action="${action}">
        ${hiddenFields(hidden)}
        <label for="name">Name</label>
        ${problem === undefined ? html`` : html`<p class="wrong" id="problem">${problem}</p>`}
        <input
          id="name"
          name="${NAME_FIELD}"
          value="${Foreign.line(suggestion ?? "", 100)}"
          required
          maxlength="60"
          autocomplete="nickname"
          autocapitalize="words"
          spellcheck="false"
          autofocus
          ${problem === undefined ? html`` : html`aria-invalid="true" aria-describedby="problem"`}
        />
        <button class="main">Sign in</button>
      </form>
    `
  })
