/** A pure function of a text that keeps its last results: for what is said again with every request. */

export interface Bounds {
  /** So many texts are remembered; those that came first make room. */
  readonly texts: number
  /** Longer ones are not, so that strangers cannot fill the memory. */
  readonly length: number
}

const SHORT: Bounds = { texts: 256, length: 512 }

/** The same function. */
export const remembering = <A>(compute: (text: string) => A, bounds = SHORT): ((text: string) => A) => {
  const known = new Map<string, A>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    const made = compute(text)
    if (text.length > bounds.length) return made
    const [oldest] = known.keys()
    if (known.size >= bounds.texts && oldest !== undefined) known.delete(oldest)
    known.set(text, made)
    return made
  }
}
