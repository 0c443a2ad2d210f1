/**
 * A map for what is there for the time of a call. V8 keeps the table that a `Map` has outgrown until a full collection, with
 * all that was in it then; and as it refers to the one that took its place, that one too, and so on: of one call in a few,
 * everything that belongs to it would so outlive it by seconds, and be moved about meanwhile. Here an entry is emptied when
 * it goes.
 */
export class TransientMap<K extends string | number, A extends object> {
  private readonly entries = new Map<K, { value: A | undefined }>()

  get size(): number {
    return this.entries.size
  }

  get(key: K): A | undefined {
    return this.entries.get(key)?.value
  }

  has(key: K): boolean {
    return this.entries.has(key)
  }

  set(key: K, value: A): void {
    const known = this.entries.get(key)
    if (known === undefined) this.entries.set(key, { value })
    else known.value = value
  }

  /** Takes an entry out, and gives what it was. */
  take(key: K): A | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    this.entries.delete(key)
    const { value } = entry
    entry.value = undefined
    return value
  }

  /** In the order in which they came; without those that are taken out meanwhile. */
  *[Symbol.iterator](): Iterator<readonly [K, A]> {
    for (const [key, { value }] of this.entries) if (value !== undefined) yield [key, value]
  }
}
