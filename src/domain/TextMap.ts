/**
 * A map by texts that are long, such as tokens and session ids, and come anew with every request: to hash all of one is a
 * microsecond for each kilobyte, so they are found by their ends, which is where they differ.
 */

const END = 32

interface Entry<A> {
  readonly text: string
  readonly value: A
}

export class TextMap<A> {
  private readonly byEnd = new Map<string, Entry<A>>()
  /** Those whose end was another's when they came. */
  private readonly others = new Map<string, A>()

  get size(): number {
    return this.byEnd.size + this.others.size
  }

  get(text: string): A | undefined {
    const found = this.byEnd.get(text.slice(-END))
    return found?.text === text ? found.value : this.others.get(text)
  }

  set(text: string, value: A): void {
    const end = text.slice(-END)
    const found = this.byEnd.get(end)
    if (this.others.has(text) || (found !== undefined && found.text !== text)) this.others.set(text, value)
    else this.byEnd.set(end, { text, value })
  }

  /** True: it was there. */
  delete(text: string): boolean {
    const end = text.slice(-END)
    return this.byEnd.get(end)?.text === text ? this.byEnd.delete(end) : this.others.delete(text)
  }

  /** In the order in which they came, but for those that end like one before them, which come last. */
  *[Symbol.iterator](): IterableIterator<readonly [string, A]> {
    for (const { text, value } of this.byEnd.values()) yield [text, value]
    yield* this.others
  }
}
