/**
 * A map for what is there for the time of a call. V8 keeps the table that a `Map` has outgrown until a full collection, with
 * all that was in it then; and as it refers to the one that took its place, that one too, and so on: of one call in a few,
 * everything that belongs to it would so outlive it by seconds, and be moved about meanwhile. Here an entry is emptied when
 * it goes. Most keys are numbers that are counted upwards, of which few are there at once: they have a place by their last
 * bits, where that is free, for a `Map` takes half a microsecond to be rid of a key.
 */

/** A power of two. */
const PLACES = 32

interface Entry<K, A> {
  readonly key: K
  /** Undefined: it is gone. */
  value: A | undefined
  /** The how manieth of all that ever came. */
  readonly order: number
}

const isThere = <K, A>(entry: Entry<K, A>): entry is Entry<K, A> & { readonly value: A } => entry.value !== undefined

export class TransientMap<K extends string | number, A extends object> {
  /** Made when the first number comes. */
  private places: Array<Entry<K, A> | undefined> | undefined
  private readonly others = new Map<K, Entry<K, A>>()
  private placed = 0
  private came = 0

  get size(): number {
    return this.placed + this.others.size
  }

  get(key: K): A | undefined {
    return this.find(key)?.value
  }

  has(key: K): boolean {
    return this.find(key) !== undefined
  }

  set(key: K, value: A): void {
    const known = this.find(key)
    if (known !== undefined) {
      known.value = value
      return
    }
    const entry: Entry<K, A> = { key, value, order: this.came++ }
    if (typeof key === "number") {
      this.places ??= Array.from({ length: PLACES }, () => undefined)
      const place = key & (PLACES - 1)
      if (this.places[place] === undefined) {
        this.places[place] = entry
        this.placed++
        return
      }
    }
    this.others.set(key, entry)
  }

  /** Takes an entry out, and gives what it was. */
  take(key: K): A | undefined {
    const entry = this.find(key)
    if (entry === undefined) return undefined
    if (this.places !== undefined && typeof key === "number" && this.places[key & (PLACES - 1)] === entry) {
      this.places[key & (PLACES - 1)] = undefined
      this.placed--
    } else this.others.delete(key)
    const { value } = entry
    entry.value = undefined
    return value
  }

  /** In the order in which they came; without those that are taken out meanwhile. */
  *[Symbol.iterator](): Iterator<readonly [K, A]> {
    const placed = (this.places ?? []).filter((entry) => entry !== undefined)
    const all = [...placed, ...this.others.values()].sort((a, b) => a.order - b.order)
    for (const entry of all) if (isThere(entry)) yield [entry.key, entry.value]
  }

  private find(key: K): Entry<K, A> | undefined {
    if (typeof key === "number" && this.places !== undefined) {
      const entry = this.places[key & (PLACES - 1)]
      if (entry?.key === key) return entry
    }
    return this.others.size === 0 ? undefined : this.others.get(key)
  }
}
