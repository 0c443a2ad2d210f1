/** The audit trail as JSON Lines, as the thread that writes it has it. Everything here blocks, and throws. */
import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs"

const LINE_FEED = "\n"

export class AuditLines {
  private readonly path: string
  private descriptor: number | undefined
  /** Did the last write stop in the middle of a line? */
  private torn = false

  constructor(path: string) {
    this.path = path
  }

  /** Appends whole lines. A file that was moved away or removed since is begun anew. */
  append(lines: ReadonlyArray<string>): void {
    const descriptor = this.open()
    const bytes = Buffer.from((this.torn ? LINE_FEED : "") + lines.map((line) => line + LINE_FEED).join(""))
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(descriptor, bytes, written)
      this.torn = false
    } catch (cause) {
      this.torn ||= written > 0
      throw cause
    }
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor)
    this.descriptor = undefined
  }

  private open(): number {
    if (this.descriptor !== undefined) {
      const mine = fstatSync(this.descriptor)
      const there = statSync(this.path, { throwIfNoEntry: false })
      if (there?.ino === mine.ino && there.dev === mine.dev) return this.descriptor
      this.close()
    }
    this.descriptor = openSync(this.path, "a", 0o600)
    if (fstatSync(this.descriptor).size === 0) this.torn = false
    return this.descriptor
  }
}
