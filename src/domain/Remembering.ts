/** Pure functions that keep their results: of a text the last ones, for what is said again with every request; of an object its own. */

export interface Bounds {
  /** So many texts are remembered; those that came first make room. */
  readonly texts: number
  /** Longer ones are not, so that strangers cannot fill the memory. */
  readonly length: number
}

const SHORT: Bounds = { texts: 256, length: 512 }

/** A text that is longer is found by its end: to look at all of it is a microsecond for each kilobyte. */
const END = 32

/** The same function. */
export const remembering = <A>(compute: (text: string) => A, bounds = SHORT): ((text: string) => A) => {
  const known = new Map<string, { readonly text: string; readonly made: A }>()
  return (text) => {
    const end = text.slice(-END)
    const found = known.get(end)
    if (found?.text === text) return found.made
    const made = compute(text)
    if (text.length > bounds.length) return made
    const [oldest] = known.keys()
    if (found === undefined && known.size >= bounds.texts && oldest !== undefined) known.delete(oldest)
    known.set(end, { text, made })
    return made
  }
}

/** A pure function of an object that keeps its result as long as the object is there. */
export const rememberingOf = <K extends object, A>(compute: (of: K) => A): ((of: K) => A) => {
  const known = new WeakMap<K, A>()
  return (of) => {
    const found = known.get(of)
    if (found !== undefined) return found
    const made = compute(of)
    known.set(of, made)
    return made
  }
}
