/** A pure function of a short text that keeps its last results: for what is said again with every request. */

const MAX_TEXTS = 256
const MAX_LENGTH = 512

/** The same function. Long texts are not remembered, and of short ones so many that strangers cannot fill the memory. */
export const remembering = <A>(compute: (text: string) => A): ((text: string) => A) => {
  const known = new Map<string, A>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const made = compute(text)
    if (text.length > MAX_LENGTH) return made
    if (known.size >= MAX_TEXTS) known.clear()
    known.set(text, made)
    return made
  }
}
