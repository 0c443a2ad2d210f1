/**
 * Why a server is left alone for a while: it asked for that, it refused our credentials, or calls to it keep failing. One
 * for all that answers as one: the lanes of a remote server have one in common, each local process has its own.
 */
import * as Breaker from "../domain/Breaker.ts"
import { classify, type Evidence, type FailureClass } from "../domain/UpstreamFailure.ts"
import { seconds } from "../domain/UpstreamStatus.ts"

/** Until when (epoch milliseconds), and why. */
export interface Held {
  readonly until: number
  readonly failure: FailureClass
  readonly reason: string
  /** The HTTP status that made it so. */
  readonly status?: number | undefined
}

/** How long credentials that were refused are not tried again, in milliseconds. */
export const CREDENTIALS_REST = 30_000

export class Restraint {
  private readonly options: Breaker.Options | undefined
  private circuit: Breaker.Circuit = Breaker.closed
  /** The server wants no requests at all. */
  private rest: Held | undefined
  /** It wants nobody with our credentials. All lanes have the same: those of the configuration. */
  private refused: Held | undefined
  private readonly waiting = new Set<() => void>()

  constructor(options: Breaker.Options | false) {
    this.options = options === false ? undefined : options
  }

  /** True where nothing holds calls back: there is no need to ask what the time is. */
  get isClear(): boolean {
    return this.rest === undefined && this.circuit._tag === "Closed"
  }

  /** What the circuit is called at `now`: one that may be tried again is half open. */
  circuitAt(now: number): "closed" | "open" | "half-open" {
    if (this.circuit._tag === "Closed") return "closed"
    return this.circuit._tag === "Open" && this.circuit.until > now ? "open" : "half-open"
  }

  /** What holds calls back; undefined where they may go. */
  heldAt(now: number): Held | undefined {
    if (this.rest !== undefined && now < this.rest.until) return this.rest
    this.rest = undefined
    const until = Breaker.refusedUntil(this.circuit, now)
    if (until === undefined || this.circuit._tag === "Closed") return undefined
    const { failure, reason } = this.circuit.why
    return { until, failure, reason: `calls to it kept failing, at last because ${reason}` }
  }

  /** What holds starts back. */
  startHeldAt(now: number): Held | undefined {
    return [this.rest, this.refused].find((held) => held !== undefined && now < held.until)
  }

  /** The ticket of a call that goes while nothing holds calls back; under it is told how it ended. */
  get ticket(): number {
    return this.circuit.generation
  }

  /** The same of a call that is not held back any more. */
  admit(now: number): number {
    if (this.options !== undefined) this.circuit = Breaker.admit(this.circuit, now, this.options)
    return this.circuit.generation
  }

  /** The call was answered. */
  succeeded(ticket: number): void {
    this.circuit = Breaker.succeed(this.circuit, ticket)
  }

  /** It failed in a way that speaks against the server. What holds calls back because of it, and did not before. */
  failed(ticket: number, now: number, why: Breaker.Why): Held | undefined {
    if (this.options === undefined) return undefined
    const before = this.circuit
    this.circuit = Breaker.fail(before, ticket, now, why, this.options)
    return this.circuit !== before && this.circuit._tag === "Open" ? this.heldAt(now) : undefined
  }

  /** It ended without saying anything about the server. */
  released(ticket: number, now: number): void {
    this.circuit = Breaker.release(this.circuit, ticket, now)
  }

  /** A start or a call was turned down. What holds calls back because of it, and did not before. */
  heed(evidence: Evidence, reason: string, now: number): Held | undefined {
    const { retryAfterMillis, status } = evidence
    const failure = classify(evidence)
    if (failure !== "rate-limit" || retryAfterMillis === undefined) return undefined
    const before = this.rest
    const until = now + retryAfterMillis
    if (before !== undefined && before.until >= until) return undefined
    this.rest = { until, failure, reason, status }
    return before === undefined || before.until <= now ? this.rest : undefined
  }

  /** A start was turned down because of our credentials. */
  refuse(status: number | undefined, reason: string, now: number): void {
    this.refused = { until: now + CREDENTIALS_REST, failure: "credentials", reason, status }
  }

  /** A start succeeded. */
  accepted(): void {
    this.refused = undefined
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Has `wake` called, once, when a start succeeds: what was given up on one lane is worth a try then. */
  await(wake: () => void): void {
    this.waiting.add(wake)
  }

  forgo(wake: () => void): void {
    this.waiting.delete(wake)
  }

  /** What answers from now on has failed nobody yet. */
  renew(): void {
    this.circuit = Breaker.renew(this.circuit)
  }

  /** It was gone, and is back: whether it does its work is worth a try. */
  hasten(now: number): void {
    this.circuit = Breaker.hasten(this.circuit, now)
  }
}

/**
 * The same of one lane: calls that were refused for its credentials so often in a row that only one in `CREDENTIALS_REST`
 * is made. What other lanes bear may be better.
 */
export class Refusals {
  private readonly most: number
  private inARow = 0
  private held: Held | undefined

  constructor(options: Breaker.Options | false) {
    this.most = options === false ? Infinity : options.failures
  }

  get isClear(): boolean {
    return this.held === undefined
  }

  heldAt(now: number): Held | undefined {
    return this.held !== undefined && now < this.held.until ? this.held : undefined
  }

  /** A call that is not held back goes; the next one has to wait. */
  admit(now: number): void {
    if (this.held !== undefined) this.held = { ...this.held, until: now + CREDENTIALS_REST }
  }

  answered(): void {
    this.inARow = 0
    this.held = undefined
  }

  /** What holds calls back because of it, and did not before. */
  refused(reason: string, now: number): Held | undefined {
    this.inARow++
    if (this.inARow < this.most || this.held !== undefined) return undefined
    this.held = { until: now + CREDENTIALS_REST, failure: "credentials", reason }
    return this.held
  }
}

/** Why a call does not go, as the status of the server that its caller is told. */
export const describe = ({ reason, until }: Held, now: number): string =>
  `not called for another ${seconds(until - now)}: ${reason}`
