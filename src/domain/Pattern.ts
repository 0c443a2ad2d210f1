/** Patterns over names: `*` stands for any characters, none included; everything else for itself. */

/** Does the pattern match the whole name? */
export const matches = (pattern: string, name: string): boolean => {
  const parts = pattern.split("*")
  const [first = "", ...rest] = parts
  if (rest.length === 0) return pattern === name
  const last = rest.at(-1) ?? ""
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false
  let from = first.length
  const until = name.length - last.length
  for (const part of rest.slice(0, -1)) {
    const found = name.indexOf(part, from)
    if (found < 0 || found + part.length > until) return false
    from = found + part.length
  }
  return true
}

/** Does the pattern match everything? */
export const isEverything = (pattern: string): boolean => /^\*+$/u.test(pattern)

/** Is there a name beginning with `prefix` that the pattern matches? */
export const reachesBelow = (pattern: string, prefix: string): boolean => {
  const star = pattern.indexOf("*")
  const head = star < 0 ? pattern : pattern.slice(0, star)
  return head.startsWith(prefix) || (star >= 0 && prefix.startsWith(head))
}

/** Does the pattern match every name that begins with `prefix`? */
export const coversBelow = (pattern: string, prefix: string): boolean =>
  pattern.endsWith("*") && matches(pattern, prefix)
