/** The frame that all pages for people share. */
import { html, Html } from "./Html.ts"

const STYLE = `
:root { color-scheme: light dark; --text: #1c1e21; --muted: #5d636b; --back: #f6f7f9; --card: #fff; --line: #d9dde3; --accent: #0b57d0 }
@media (prefers-color-scheme: dark) { :root { --text: #e8eaed; --muted: #a4abb5; --back: #16181b; --card: #1f2226; --line: #363b42; --accent: #8ab4f8 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--back); color: var(--text); font: 1rem/1.55 system-ui, sans-serif }
main { width: min(44rem, 100%); background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: clamp(1.25rem, 4vw, 2.5rem) }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25 }
h2 { margin: 2rem 0 .5rem; font-size: 1.05rem }
p { margin: .5rem 0 }
.muted { color: var(--muted) }
a { color: var(--accent) }
pre { margin: .5rem 0; padding: .85rem 1rem; overflow-x: auto; background: var(--back); border: 1px solid var(--line); border-radius: 8px; font: .875rem/1.5 ui-monospace, monospace }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
`

/** What keeps a page from loading or running anything; the style is inline. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer"
}

/** A whole document. */
export const page = (title: string, body: Html): string =>
  `<!doctype html>${
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html>`.markup
  }`
