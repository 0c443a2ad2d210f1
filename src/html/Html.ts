/** HTML in which everything that is not written here is escaped. */

/** A piece of markup. Made by `html` alone, so that no text gets in unescaped. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

const escape = (text: string): string => text.replace(/[&<>"']/gu, (c) => ESCAPES[c] ?? c)

type Value = string | number | Html | ReadonlyArray<Html>

const render = (value: Value): string => {
  if (value instanceof Html) return value.markup
  return typeof value === "object" ? value.map(({ markup }) => markup).join("") : escape(String(value))
}

/** Markup with values in it: texts and numbers escaped, markup as it is. Attributes must be quoted. */
export const html = (strings: TemplateStringsArray, ...values: ReadonlyArray<Value>): Html =>
  new Html(strings.map((part, index) => (index === 0 ? part : render(values[index - 1] ?? "") + part)).join(""))
