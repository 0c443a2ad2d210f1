/** The records that are not on disk yet: so many at most, and a note of those that found no room. */
import type { AuditRecord } from "../domain/AuditRecord.ts"
import { Pack, type Packed } from "./AuditPack.ts"

/** What clients choose is cut here, so that a full queue has a size. */
const MAX_TEXT = 1024

const isLong = (text: unknown): text is string => typeof text === "string" && text.length > MAX_TEXT

/** The cut may go through a character; what is left of it is replaced. */
const beginning = (text: string): string => `${text.slice(0, MAX_TEXT).toWellFormed()}…`

const cut = <A>(value: A): A => (isLong(value) ? (beginning(value) as A & string) : value)

const isModest = ({ client, detail, method, request, target }: AuditRecord): boolean =>
  !isLong(target) &&
  !isLong(detail) &&
  !isLong(method) &&
  !isLong(request) &&
  !isLong(client?.id) &&
  !isLong(client?.name) &&
  !isLong(client?.version)

const shorten = (record: AuditRecord): AuditRecord => {
  if (isModest(record)) return record
  const { client, detail, method, request, target } = record
  return {
    ...record,
    target: cut(target),
    detail: cut(detail),
    method: cut(method),
    request: cut(request),
    client: client && { id: cut(client.id), name: cut(client.name), version: cut(client.version) }
  }
}

export class Backlog {
  static readonly CAPACITY = 10_000

  /** The oldest, while it is being written: nothing is added to it. */
  private taken: Pack | undefined
  /** The others, in order. */
  private readonly packs: Array<Pack> = []
  /** One that was written, to be filled again. */
  private spare: Pack | undefined
  private kept = 0
  private gap: { lost: number; readonly from: number; to: number } | undefined
  private number = 1
  private dropped = 0
  private all = 0

  /** Records that are not on disk, a note of lost ones among them. */
  get waiting(): number {
    return this.kept + (this.gap === undefined ? 0 : 1)
  }

  /** Records that it was given since the start, those that found no room among them. */
  get given(): number {
    return this.all
  }

  /** Records that found no room, since the start. */
  get lost(): number {
    return this.dropped
  }

  /** Takes a record, or counts it as lost at `now`, in epoch milliseconds. */
  add(record: AuditRecord, now: () => number): void {
    this.all++
    if (this.kept >= Backlog.CAPACITY) {
      this.dropped++
      const to = now()
      this.gap ??= { lost: 0, from: to, to }
      this.gap.lost++
      this.gap.to = to
      return
    }
    this.note()
    this.put(shorten(record))
  }

  /** The oldest records: the same ones under the same number until they are written. Undefined: none wait. */
  batch(): { readonly number: number; readonly records: Packed } | undefined {
    if (this.kept < Backlog.CAPACITY) this.note()
    this.taken ??= this.packs.shift()
    return this.taken && { number: this.number, records: this.taken.packed() }
  }

  /** The batch is on disk. */
  written(): void {
    if (this.taken === undefined) return
    this.kept -= this.taken.size
    this.taken.clear()
    this.spare = this.taken
    this.taken = undefined
    this.number++
  }

  private put(record: AuditRecord): void {
    if (this.packs.at(-1)?.add(record) !== true) {
      const next = this.spare ?? new Pack()
      this.spare = undefined
      next.add(record)
      this.packs.push(next)
    }
    this.kept++
  }

  /** Puts down, where they would have stood, that records are missing. */
  private note(): void {
    if (this.gap === undefined) return
    const { from, lost, to } = this.gap
    this.gap = undefined
    this.put({
      time: from,
      kind: "gap",
      outcome: "limited",
      millis: to - from,
      lost,
      detail: "records came faster than they could be written"
    })
  }
}
