/** The records that are not on disk yet: so many at most, and a note of those that found no room. */
import type { AuditRecord } from "../domain/AuditRecord.ts"
import { Pack, type Packed } from "./AuditPack.ts"

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

  /** The oldest first. */
  private readonly packs: Array<Pack> = []
  private spare: Pack | undefined
  private kept = 0
  private gap: { lost: number; readonly from: number; to: number } | undefined
  private number = 1
  private isTaken = false
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
    const [oldest] = this.packs
    if (oldest === undefined) return undefined
    this.isTaken = true
    return { number: this.number, records: oldest.packed() }
  }

  /** The batch is on disk. */
  written(): void {
    const done = this.packs.shift()
    if (done === undefined) return
    this.kept -= done.size
    done.clear()
    this.spare = done
    this.isTaken = false
    this.number++
  }

  /** Not into what is being written. */
  private put(record: AuditRecord): void {
    const last = this.isTaken && this.packs.length === 1 ? undefined : this.packs.at(-1)
    if (last?.add(record) !== true) {
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
