/** What clients note of their calls while a run goes on. */
import type { Call, End } from "./Ledger.ts"

export type Begun = Pick<Call, "id" | "tag" | "idempotent" | "server" | "connection">

type Noted = { -readonly [K in keyof Call]: Call[K] }

export class Recorder {
  private readonly all = new Map<string, Noted>()
  private readonly open = new Map<string, Noted>()
  /** Connections that their clients have seen break, by name. */
  private readonly broken = new Map<string, string>()

  begin(call: Begun): void {
    const now = performance.now()
    const noted: Noted = { ...call, startedAt: now, endedAt: now, end: undefined, answers: 0 }
    this.all.set(call.id, noted)
    this.open.set(call.id, noted)
  }

  /** An answer came under this id. */
  heard(id: string): void {
    const call = this.all.get(id)
    if (call !== undefined) call.answers++
  }

  /** Undefined: it is waited for no more, or something else was said instead. */
  end(id: string, end: End | undefined, instead?: string): void {
    const call = this.open.get(id)
    if (call === undefined) return
    if (instead !== undefined) call.instead = instead
    this.open.delete(id)
    call.end = end
    call.endedAt = performance.now()
  }

  broke(connection: string, reason: string): void {
    this.broken.set(connection, reason)
  }

  whyBroken(connection: string): string | undefined {
    return this.broken.get(connection)
  }

  underWay(): ReadonlyArray<Begun> {
    return [...this.open.values()]
  }

  calls(): ReadonlyArray<Call> {
    return [...this.all.values()]
  }
}
