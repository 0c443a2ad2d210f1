/** What clients know of their calls. */
import type { Plan, Reply } from "./Step.ts"

export type Outcome =
  /** `text` is what the server said. */
  | { readonly _tag: "Result"; readonly text: string }
  | { readonly _tag: "Error"; readonly code: number; readonly message: string }
  /** The request was turned away. */
  | { readonly _tag: "Refused"; readonly status: number; readonly message: string }
  /** The connection ended without an answer, or there was none. */
  | { readonly _tag: "Cut" }
  /** The client did not wait for it. */
  | { readonly _tag: "Left" }

export interface Call {
  readonly tag: string
  readonly client: number
  readonly person: number
  readonly server: string
  readonly tool: string
  readonly plan: Plan
  /** The step at which it was made. */
  readonly begun: number
  /** Was its caller not allowed to make it? Undefined where that changed meanwhile. */
  isDenied: boolean | undefined
  /** Its client wants it no more, and said so at that step. */
  unwanted: number | undefined
  /** It said so too early to be sure that it was understood. */
  isDoubtful: boolean
  /** Its session had not been used for as long as sessions last. */
  isForgotten: boolean
  /** It was told that its server never got it. */
  isRefused: boolean
  readonly replies: Array<Reply>
  outcome: Outcome | undefined
  ended: number | undefined
}

export class Ledger {
  /** The last step after which all was at rest. */
  restedAt = 0
  private readonly calls = new Map<string, Call>()
  private readonly unended = new Set<Call>()
  private readonly step: () => number
  private readonly onEnd: (call: Call) => void
  private readonly isHeard: () => boolean

  constructor(options: {
    readonly step: () => number
    readonly onEnd: (call: Call) => void
    /** Does the proxy listen? */
    readonly isHeard: () => boolean
  }) {
    this.step = options.step
    this.onEnd = options.onEnd
    this.isHeard = options.isHeard
  }

  begin(call: Pick<Call, "client" | "person" | "server" | "tool" | "plan" | "isDenied">): Call {
    const made: Call = {
      ...call,
      tag: `call-${this.calls.size + 1}`,
      begun: this.step(),
      unwanted: undefined,
      isDoubtful: false,
      isForgotten: false,
      isRefused: false,
      replies: [],
      outcome: undefined,
      ended: undefined
    }
    this.calls.set(made.tag, made)
    this.unended.add(made)
    return made
  }

  /** Its client lets the proxy know that it wants it no more; its request was sent at that step. */
  giveUp(call: Call, sent: number): void {
    call.unwanted ??= this.step()
    // What overtakes its request is heard by nobody, and so is what is said to a proxy that stops.
    if (sent > this.restedAt || !this.isHeard()) call.isDoubtful = true
  }

  now(): number {
    return this.step()
  }

  /** What was said since all was at rest may not have been heard. */
  doubt(): void {
    for (const call of this.calls.values()) if ((call.unwanted ?? 0) > this.restedAt) call.isDoubtful = true
  }

  end(call: Call, outcome: Outcome): void {
    // Who has left hears nothing more, and who was cut off may yet take it up again.
    if (call.outcome !== undefined && call.outcome._tag !== "Left" && call.outcome._tag !== "Cut") return
    call.outcome = outcome
    this.unended.delete(call)
    call.ended = this.step()
    this.onEnd(call)
  }

  /** Its client, who had left, waits for it once more. */
  reopen(call: Call): void {
    call.outcome = undefined
    this.unended.add(call)
  }

  find(tag: string): Call | undefined {
    return this.calls.get(tag)
  }

  all(): ReadonlyArray<Call> {
    return [...this.calls.values()]
  }

  /** Those that have not ended. */
  open(): ReadonlyArray<Call> {
    return [...this.unended]
  }
}
