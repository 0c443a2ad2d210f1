/** How many of something there may be: in all, and for each owner. */
import type { Owner } from "./Owner.ts"

export interface QuotaBounds {
  readonly most: number
  readonly mostOfOne: number
}

/** Which of the two bounds is reached. */
export type Reached = "most" | "mostOfOne"

/** Counts. It does not enforce: whoever adds has asked `reached` before, or knows why not. */
export class Quota {
  readonly bounds: QuotaBounds
  private all = 0
  private readonly ofOwners = new Map<Owner, number>()

  constructor(bounds: QuotaBounds) {
    this.bounds = bounds
  }

  get total(): number {
    return this.all
  }

  of(owner: Owner | undefined): number {
    return owner === undefined ? 0 : (this.ofOwners.get(owner) ?? 0)
  }

  /** The bound that keeps one more from being added. What is nobody's counts in all only. */
  reached(owner: Owner | undefined): Reached | undefined {
    if (this.of(owner) >= this.bounds.mostOfOne) return "mostOfOne"
    return this.all >= this.bounds.most ? "most" : undefined
  }

  add(owner: Owner | undefined): void {
    this.all++
    if (owner !== undefined) this.ofOwners.set(owner, this.of(owner) + 1)
  }

  remove(owner: Owner | undefined): void {
    this.all--
    if (owner === undefined) return
    const left = this.of(owner) - 1
    if (left > 0) this.ofOwners.set(owner, left)
    else this.ofOwners.delete(owner)
  }
}
