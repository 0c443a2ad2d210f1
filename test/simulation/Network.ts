/** What is on its way. Messages of one line arrive in order; which line is next, the seed decides. */
import type { Random } from "./random.ts"

export class Network {
  private readonly random: Random
  private readonly lines = new Map<string, Array<() => void>>()

  constructor(random: Random) {
    this.random = random
  }

  /** Has something happen at the other end of a line. */
  send(line: string, arrive: () => void): void {
    const waiting = this.lines.get(line)
    if (waiting === undefined) this.lines.set(line, [arrive])
    else waiting.push(arrive)
  }

  /** Lets one message arrive, if there is one. */
  deliver(): boolean {
    if (this.lines.size === 0) return false
    const names = [...this.lines.keys()]
    const name = names[this.random.below(names.length)] ?? ""
    const waiting = this.lines.get(name) ?? []
    const arrive = waiting.shift()
    if (waiting.length === 0) this.lines.delete(name)
    arrive?.()
    return true
  }
}
