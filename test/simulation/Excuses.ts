/** What may excuse that a call has no result: only what has really gone wrong while it was under way. */
import type { Call, Ledger } from "./Ledger.ts"

export type Excuse =
  /** Its server was not as it should be. */
  | "server"
  /** The proxy stopped, was killed, or did not run. */
  | "gateway"
  /** Its client ended its session. */
  | "session"
  /** Names or permissions changed. */
  | "names"
  /** More time passed at once than anybody keeps anything. */
  | "time"

export class Excuses {
  private readonly ledger: Ledger
  private readonly known = new Map<Call, Set<Excuse>>()

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  of(call: Call): ReadonlySet<Excuse> | undefined {
    return this.known.get(call)
  }

  excuse(call: Call, excuse: Excuse): void {
    const known = this.known.get(call)
    if (known === undefined) this.known.set(call, new Set([excuse]))
    else known.add(excuse)
  }

  /** Every call that is under way is excused, or every one that meets a condition. */
  all(excuse: Excuse, which: (call: Call) => boolean = () => true): void {
    for (const call of this.ledger.open()) if (which(call)) this.excuse(call, excuse)
  }

  ofServer(server: string): void {
    this.all("server", (call) => call.server === server)
  }
}
