/**
 * Records on their way to the audit trail's thread, as bytes. Each is encoded as it comes: five hundred at once would keep
 * calls waiting, and objects that wait be carried along by each collection of garbage.
 */
import type { AuditRecord } from "../domain/AuditRecord.ts"
import { MOST_BYTES } from "../domain/Pieces.ts"

/** What one write is given. */
export interface Packed {
  /** The records, JSON each, one behind the other. */
  readonly bytes: Uint8Array
  /** Where each ends, one for each record. */
  readonly ends: Uint32Array
  /** When each was, in epoch milliseconds. */
  readonly times: Float64Array
  /** Who each is of: a place in `subjects`. */
  readonly whose: Uint16Array
  readonly subjects: ReadonlyArray<string | null>
}

/** Bytes that a pack has room for at first. */
const ROOM = 256 * 1024

/** As many records as are written at once. */
export class Pack {
  static readonly CAPACITY = 500

  private bytes = Buffer.allocUnsafeSlow(ROOM)
  private readonly ends = new Uint32Array(Pack.CAPACITY)
  private readonly times = new Float64Array(Pack.CAPACITY)
  private readonly whose = new Uint16Array(Pack.CAPACITY)
  private readonly subjects = new Map<string | null, number>()
  private used = 0
  private count = 0

  /** Records that it has. */
  get size(): number {
    return this.count
  }

  /** Takes a record. False: it is full. */
  add(record: AuditRecord): boolean {
    const { count } = this
    if (count === Pack.CAPACITY) return false
    const text = JSON.stringify(record)
    this.reserve(text.length * MOST_BYTES)
    this.used += this.bytes.write(text, this.used)
    this.ends[count] = this.used
    this.times[count] = record.time
    this.whose[count] = this.placeOf(record.principal?.subject ?? null)
    this.count++
    return true
  }

  /** A copy of what it has, to be handed over. */
  packed(): Packed {
    const { count } = this
    return {
      bytes: Uint8Array.prototype.slice.call(this.bytes, 0, this.used),
      ends: this.ends.slice(0, count),
      times: this.times.slice(0, count),
      whose: this.whose.slice(0, count),
      subjects: [...this.subjects.keys()]
    }
  }

  /** Has no records any more, and no more room than at first. */
  clear(): void {
    this.used = 0
    this.count = 0
    this.subjects.clear()
    if (this.bytes.length > ROOM) this.bytes = Buffer.allocUnsafeSlow(ROOM)
  }

  private placeOf(subject: string | null): number {
    const known = this.subjects.get(subject)
    if (known !== undefined) return known
    const place = this.subjects.size
    this.subjects.set(subject, place)
    return place
  }

  /** Makes room for so many bytes more. */
  private reserve(bytes: number): void {
    const needed = this.used + bytes
    if (needed <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length))
    larger.set(this.bytes.subarray(0, this.used))
    this.bytes = larger
  }
}
