/** How pages speak of a program that somebody else wrote: its name is its own claim, and looks like one. */
import * as Foreign from "../../html/Foreign.ts"
import { html, type Html } from "../../html/Html.ts"

/** Who answers for a program's name: the host of its client metadata document, or nobody. */
export type Voucher = { readonly _tag: "Host"; readonly host: string } | { readonly _tag: "Nobody" }

/** Where a program has itself sent the answer. */
export type Destination =
  /** A web site. */
  | { readonly _tag: "Site"; readonly host: string }
  /** Whatever listens on a port of the computer that the browser runs on. */
  | { readonly _tag: "Loopback"; readonly host: string }
  /** Whichever app has claimed a private-use scheme, such as `cursor`. */
  | { readonly _tag: "App"; readonly scheme: string }

/** Is there nothing to be seen of this name? */
export const isNameless = (name: string): boolean => Foreign.name(name) === ""

/** The name in quotes, its direction turned by its own letters alone. Without a name, we say so in our own words. */
export const quoted = (name: string): Html =>
  isNameless(name) ? html`A program without a name` : html`“<bdi>${Foreign.name(name)}</bdi>”`

/** A host as it is compared, in ASCII: a name that only looks like another shows itself as `xn--…`. */
export const host = (text: string): Html => {
  const url = URL.parse(`https://${text}`)
  return html`<bdi>${Foreign.line(url === null ? text : url.host)}</bdi>`
}
