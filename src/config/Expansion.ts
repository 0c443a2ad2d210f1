/** Variables in the string values of the configuration: `${VAR}`, `${VAR:-default}`, `${env:VAR}`, and `$${` for `${`. */

/** The escape; a reference, in whose default braces come in pairs; what looks like the beginning of one. */
const REFERENCE = /\$\$\{|\$\{((?:[^{}]|\{[^{}]*\})*)\}|\$\{/gu
const VARIABLE = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/su

const FORMS = "${VAR}, ${VAR:-default} or ${env:VAR}"

/** What a text became. */
export interface Expanded {
  readonly text: string
  /** Did it hold a variable? Then it may hold a secret. */
  readonly fromVariables: boolean
  /** One sentence part for each reference that could not be resolved. */
  readonly missing: ReadonlyArray<string>
}

/** Expands a text once: what comes out of a variable is not looked at again. An empty variable takes the default. */
export const expand = (text: string, lookup: (name: string) => string | undefined): Expanded => {
  const missing: Array<string> = []
  let fromVariables = false
  const expanded = text.replace(REFERENCE, (whole, inner: string | undefined) => {
    if (whole === "$${") return "${"
    if (inner === undefined) {
      missing.push("holds a ${ that is not closed; write $${ where you mean the characters")
      return whole
    }
    const match = VARIABLE.exec(inner)
    const name = match?.[1]
    const fallback = match?.[2]
    if (name === undefined) {
      missing.push(`${whole} is not a form that is understood (${FORMS})`)
      return whole
    }
    fromVariables = true
    if (fallback?.includes("${") === true) missing.push(`the default of the variable ${name} holds another variable`)
    const value = lookup(name)
    if (fallback !== undefined) return value === undefined || value === "" ? fallback : value
    if (value === undefined) missing.push(`the variable ${name} is not set`)
    return value ?? ""
  })
  return { text: expanded, fromVariables, missing }
}
