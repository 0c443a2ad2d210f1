/**
 * A map by texts that are long, such as tokens and session ids, and come anew with every request: to hash all of one is a
 * microsecond for each kilobyte, so they are found by their ends, which is where they differ.
 */

const END = 32

/** How many of those that were asked for last are found by a few of their characters alone; a power of two. */
const RECENT = 64

interface Entry<A> {
  readonly text: string
  readonly value: A
}

const slotOf = (text: string): number => {
  const last = text.length - 1
  return (text.charCodeAt(last) + 7 * text.charCodeAt(last - 1) + 31 * text.charCodeAt(last - 2)) & (RECENT - 1)
}

export class TextMap<A> {
  private readonly recent: Array<Entry<A> | undefined> = Array.from({ length: RECENT }, () => undefined)
  private readonly byEnd = new Map<string, Entry<A>>()
  /** Those whose end was another's when they came. */
  private readonly others = new Map<string, Entry<A>>()

  get size(): number {
    return this.byEnd.size + this.others.size
  }

  get(text: string): A | undefined {
    const slot = slotOf(text)
    const last = this.recent[slot]
    if (last?.text === text) return last.value
    const ending = this.byEnd.get(text.slice(-END))
    const found = ending?.text === text ? ending : this.others.get(text)
    if (found !== undefined) this.recent[slot] = found
    return found?.value
  }

  set(text: string, value: A): void {
    this.recent[slotOf(text)] = undefined
    const end = text.slice(-END)
    const found = this.byEnd.get(end)
    if (this.others.has(text) || (found !== undefined && found.text !== text)) this.others.set(text, { text, value })
    else this.byEnd.set(end, { text, value })
  }

  /** True: it was there. */
  delete(text: string): boolean {
    this.recent[slotOf(text)] = undefined
    const end = text.slice(-END)
    return this.byEnd.get(end)?.text === text ? this.byEnd.delete(end) : this.others.delete(text)
  }

  /** In the order in which they came, but for those that end like one before them, which come last. */
  *[Symbol.iterator](): IterableIterator<readonly [string, A]> {
    for (const { text, value } of this.byEnd.values()) yield [text, value]
    for (const { text, value } of this.others.values()) yield [text, value]
  }
}
