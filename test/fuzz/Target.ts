/** Something that parses bytes from outside, and what must hold whatever the bytes are. */
export interface Target {
  readonly name: string
  /** Real inputs, of which others are made. */
  readonly seeds: ReadonlyArray<string | Uint8Array>
  /** Throws, or fails, where something does not hold that must. */
  readonly check: (input: Uint8Array) => void | Promise<void>
}

/** Fails with what does not hold. */
export const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}
