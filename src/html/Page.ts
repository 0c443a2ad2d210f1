/** The frame that all pages for people share, and the headers that they are sent with. */
import { html, Html } from "./Html.ts"
import { STYLE, STYLE_SOURCE } from "./Style.ts"

/** Whose page this is, as it stands at its head. */
export interface Site {
  readonly name: string
  /** As in the address bar: `mcp.example.com`, `localhost:8080`. */
  readonly host: string
}

/** Where the forms of a page lead: it has none, they stay on this server, or what follows them leaves it. */
export type Forms = "none" | "here" | "onward"

/**
 * Browsers apply `form-action` to the redirects that follow a form too, not to its target alone. Consent goes on to the
 * identity provider and to clients on any site, any loopback port and any private-use scheme, so a page whose forms lead
 * "onward" must not carry the directive at all: a list of its targets would be wrong for some client, silently.
 */
const FORM_ACTION: Readonly<Record<Forms, string>> = {
  none: "; form-action 'none'",
  here: "; form-action 'self'",
  onward: ""
}

/**
 * What keeps a page from loading or running anything, from being framed, and from being kept by a cache.
 *
 * The referrer stays on this server rather than being cut off altogether: under `no-referrer` browsers send
 * `Origin: null` with our own forms, which the Origin check must refuse. There is no Cross-Origin-Opener-Policy: web
 * clients open sign-in in a pop-up, and their callback page, which comes after ours, speaks to its opener.
 */
export const securityHeaders = (forms: Forms): Readonly<Record<string, string>> => ({
  "content-security-policy": `default-src 'none'; style-src ${STYLE_SOURCE}; base-uri 'none'; frame-ancestors 'none'${FORM_ACTION[forms]}`,
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  "cache-control": "no-store"
})

/** Many lines come in, one goes out. */
const mark = html`<svg viewBox="0 0 32 32" fill="none" stroke-width="2.5" stroke-linecap="round" aria-hidden="true">
  <rect width="32" height="32" rx="9" fill="currentColor" />
  <path d="M7 9h1.5c5.5 0 4.5 7 9 7M7 16h18M7 23h1.5c5.5 0 4.5-7 9-7" />
</svg>`

export interface PageOptions {
  /** Never words of a stranger's: it names the tab. */
  readonly title: string
  readonly site: Site
  readonly body: Html
  /** For pages to read rather than to answer. */
  readonly wide?: boolean
  /** Stands at the right of the head. */
  readonly aside?: Html
}

/** A whole document. */
export const page = ({ aside, body, site, title, wide }: PageOptions): string => {
  // A server that was given no name of its own is called by its host.
  const host = site.name === site.host ? html`` : html`<small>${site.host}</small>`
  return `<!doctype html>${
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} – ${site.name}</title>
        ${new Html(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <div class="card${wide === true ? " wide" : ""}">
          <header>
            ${mark}
            <div>${site.name}${host}</div>
            ${aside ?? html``}
          </header>
          <main>${body}</main>
        </div>
      </body>
    </html>`.markup
  }`
}
