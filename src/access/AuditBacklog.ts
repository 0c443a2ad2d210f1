/** The records that are not on disk yet: so many at most, and a note of those that found no room. */
import type { AuditRecord } from "../domain/AuditRecord.ts"

/** What clients choose is cut here, so that a full queue has a size. */
const MAX_TEXT = 1024

const isLong = (text: unknown): text is string => typeof text === "string" && text.length > MAX_TEXT

/** Copied: a part of a text keeps the whole of it in memory. */
const beginning = (text: string): string => `${Buffer.from(text.slice(0, MAX_TEXT)).toString()}…`

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

  private records: Array<AuditRecord> = []
  private gap: { lost: number; readonly from: number; to: number } | undefined
  private number = 1
  private size = 0
  private dropped = 0
  private all = 0

  /** Records that are not on disk, a note of lost ones among them. */
  get waiting(): number {
    return this.records.length + (this.gap === undefined ? 0 : 1)
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
    if (this.records.length >= Backlog.CAPACITY) {
      this.dropped++
      const to = now()
      this.gap ??= { lost: 0, from: to, to }
      this.gap.lost++
      this.gap.to = to
      return
    }
    this.note()
    this.records.push(shorten(record))
  }

  /** The oldest records, so many at most: the same ones under the same number until they are written. */
  batch(most: number): { readonly number: number; readonly records: ReadonlyArray<AuditRecord> } {
    if (this.size === 0) {
      if (this.records.length < Backlog.CAPACITY) this.note()
      this.size = Math.min(most, this.records.length)
    }
    return { number: this.number, records: this.records.slice(0, this.size) }
  }

  /** The batch is on disk. */
  written(): void {
    this.records = this.records.slice(this.size)
    this.size = 0
    this.number++
  }

  /** Puts down, where they would have stood, that records are missing. */
  private note(): void {
    if (this.gap === undefined) return
    const { from, lost, to } = this.gap
    this.gap = undefined
    this.records.push({
      time: from,
      kind: "gap",
      outcome: "limited",
      millis: to - from,
      lost,
      detail: "records came faster than they could be written"
    })
  }
}
