/** One count of all bytes that are held because somebody has not yet sent or read the rest. */

/** Gives up bytes that can be spared, so many if it can; what it has given back it has given back by `give`. */
export type Relief = (bytes: number) => void

/** A level that is told of, at once, when more bytes are taken, and when no more than half as many are again. */
export interface Level {
  readonly bytes: number
  readonly crossed: (isAbove: boolean) => void
}

const NONE: Level = { bytes: Infinity, crossed: () => {} }

/**
 * Never more than its limit is taken. Whoever takes gives back the same number, once, whatever becomes of what the bytes
 * were for.
 */
export class ByteBudget {
  readonly limit: number
  private held = 0
  private readonly reliefs = new Set<Relief>()
  private readonly level: Level
  private isAbove = false

  constructor(limit: number, level = NONE) {
    this.limit = limit
    this.level = level
  }

  /** The bytes that are taken at present. */
  get taken(): number {
    return this.held
  }

  /** Takes so many bytes; false, and nothing taken, where there is no room for them, even after what can be spared is. */
  take(bytes: number): boolean {
    const missing = this.held + bytes - this.limit
    if (missing > 0) {
      // More than there is in all is not worth anybody's giving up anything.
      if (bytes > this.limit) return false
      this.relieve(missing)
      if (this.held + bytes > this.limit) return false
    }
    this.held += bytes
    if (!this.isAbove && this.held > this.level.bytes) this.cross(true)
    return true
  }

  give(bytes: number): void {
    this.held -= bytes
    if (this.isAbove && this.held <= this.level.bytes / 2) this.cross(false)
  }

  /** Names somebody who is asked to give up bytes when there is no room; the answer takes the name back. */
  onShortage(relief: Relief): () => void {
    this.reliefs.add(relief)
    return () => void this.reliefs.delete(relief)
  }

  private cross(isAbove: boolean): void {
    this.isAbove = isAbove
    this.level.crossed(isAbove)
  }

  private relieve(missing: number): void {
    const wanted = this.held - missing
    for (const relief of this.reliefs) {
      if (this.held <= wanted) return
      relief(this.held - wanted)
    }
  }
}

/**
 * What one holder has of a budget: it grows and shrinks, and is given back as a whole at its end, so that no way out of the
 * holder has to know how much it was.
 */
export class Holding {
  private readonly budget: ByteBudget
  private held = 0
  private hasEnded = false

  constructor(budget: ByteBudget) {
    this.budget = budget
  }

  get bytes(): number {
    return this.held
  }

  /** Holds so many more; false, and no more than before, where there is no room, or after the end. */
  add(bytes: number): boolean {
    if (this.hasEnded || !this.budget.take(bytes)) return false
    this.held += bytes
    return true
  }

  /** Holds so many in all from now on; false, and as many as before, where there is no room, or after the end. */
  become(bytes: number): boolean {
    if (bytes > this.held) return this.add(bytes - this.held)
    this.remove(this.held - bytes)
    return true
  }

  /** At most what is held. */
  remove(bytes: number): void {
    const given = Math.min(bytes, this.held)
    this.held -= given
    this.budget.give(given)
  }

  /** The end: all that is left is given back, and nothing is held any more. */
  release(): void {
    this.hasEnded = true
    this.remove(this.held)
  }
}
