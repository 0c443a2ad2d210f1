/**
 * What is there for the time of a call, in no order. Whatever is put in has a slot, which is another's once it is taken out.
 * Unlike the tables of a `Map`, the array is never outgrown by coming and going, and refers to nothing that has gone.
 */
export class Slots<A extends object> {
  private readonly values: Array<A | undefined> = []
  private readonly free: Array<number> = []

  get size(): number {
    return this.values.length - this.free.length
  }

  /** Puts it in, and gives its slot. */
  put(value: A): number {
    const slot = this.free.pop() ?? this.values.length
    this.values[slot] = value
    return slot
  }

  /** Takes out what is in a slot, and gives it. */
  take(slot: number): A | undefined {
    const value = this.values[slot]
    if (value === undefined) return undefined
    this.values[slot] = undefined
    this.free.push(slot)
    return value
  }

  /** Without what is taken out meanwhile. */
  *[Symbol.iterator](): Iterator<A> {
    for (const value of this.values) if (value !== undefined) yield value
  }
}
