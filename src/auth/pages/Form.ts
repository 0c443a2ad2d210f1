/** What the forms of these pages carry along unseen. */
import { html, type Html } from "../../html/Html.ts"

/** Transaction, CSRF token and the like. */
export interface HiddenField {
  readonly name: string
  readonly value: string
}

export const hiddenFields = (fields: ReadonlyArray<HiddenField>): ReadonlyArray<Html> =>
  fields.map(({ name, value }) => html`<input type="hidden" name="${name}" value="${value}" />`)
