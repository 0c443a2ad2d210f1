/** Variables in the string values of the configuration: `${VAR}`, `${VAR:-default}`, `${env:VAR}`, and `$${` for `${`. */

const REFERENCE = /\$\$\{|\$\{([^{}]*)\}/gu
const VARIABLE = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/su

/** What a text became. */
export interface Expanded {
  readonly text: string
  /** Did it hold a variable? Then it may hold a secret. */
  readonly fromVariables: boolean
  /** One sentence part for each reference that could not be resolved. */
  readonly missing: ReadonlyArray<string>
}

/** The names of the variables that a text refers to. */
export const variables = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(REFERENCE)].flatMap(([, inner]) => {
    const name = inner === undefined ? undefined : VARIABLE.exec(inner)?.[1]
    return name === undefined ? [] : [name]
  })

/** Expands a text once: what comes out of a variable is not looked at again. An empty variable takes the default. */
export const expand = (text: string, lookup: (name: string) => string | undefined): Expanded => {
  const missing: Array<string> = []
  let fromVariables = false
  const expanded = text.replace(REFERENCE, (whole, inner: string | undefined) => {
    if (inner === undefined) return "${"
    const match = VARIABLE.exec(inner)
    const name = match?.[1]
    if (name === undefined) {
      missing.push(`${whole} is not a form that is understood (\${VAR}, \${VAR:-default} or \${env:VAR})`)
      return whole
    }
    fromVariables = true
    const value = lookup(name)
    const fallback = match?.[2]
    if (fallback !== undefined) return value === undefined || value === "" ? fallback : value
    if (value === undefined) missing.push(`the variable ${name} is not set`)
    return value ?? ""
  })
  return { text: expanded, fromVariables, missing }
}
