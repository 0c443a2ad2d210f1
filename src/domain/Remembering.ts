/** Pure functions that keep their results: of a text the last ones, for what is said again with every request; of an object its own. */

import { TextMap } from "./TextMap.ts"

export interface Bounds {
  /** So many texts are remembered; those that came first make room. */
  readonly texts: number
  /** Longer ones are not, so that strangers cannot fill the memory. */
  readonly length: number
}

const SHORT: Bounds = { texts: 256, length: 512 }

/** The same function. */
export const remembering = <A>(compute: (text: string) => A, bounds = SHORT): ((text: string) => A) => {
  const known = new TextMap<{ readonly made: A }>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found.made
    const made = compute(text)
    if (text.length > bounds.length) return made
    const [oldest] = known
    if (oldest !== undefined && known.size >= bounds.texts) known.delete(oldest[0])
    known.set(text, { made })
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
