/** A simulated server as it is behind all its connections: what it offers, how it is doing, and what it has ever done. */
import type { Plan, ServerSetup } from "./Step.ts"
import type { Timeline } from "./Timeline.ts"
import { TOOLS } from "./Step.ts"

/** One time that a call was begun to be carried out. */
export interface Execution {
  readonly tag: string
  readonly server: string
  readonly tool: string
  readonly connection: string
  /** Can the server still be told that it is wanted no more? */
  isReachable: () => boolean
  /** A modern server that asks has ended the request, and waits for another. */
  state: "open" | "asking" | "answered" | "cancelled"
}

/** What arguments of calls look like. */
export interface Arguments {
  readonly tag: string
  readonly plan: Plan
}

/** How an execution says how it ends. Once it has been cancelled, or what it runs on is gone, nothing is heard any more. */
export interface Stage {
  readonly answer: (more?: object) => void
  readonly fail: () => void
  readonly progress: (step: number) => void
  /** Asks the caller; `heard` is told the answer, whatever it is. */
  readonly ask: (round: number, heard: (answer: unknown) => void) => void
  /** What it runs on ends. */
  readonly crash: () => void
}

export class Estate {
  readonly setup: ServerSetup
  /** Everything that was ever begun, by tag. */
  readonly executions = new Map<string, Array<Execution>>()
  /** Executions that wait to be told to answer, oldest first. */
  held: Array<() => void> = []
  /** It neither reads nor writes. */
  isMute = false
  /** How long it takes to answer its first request. */
  slowness = 0
  /** It cannot be started, or reached. */
  isMissing = false
  /** How many requests it will turn away (HTTP). */
  busy = 0
  hasExtra = true
  private readonly timeline: Timeline
  /** Told when it ends in the middle of a call. */
  onCrash: () => void = () => {}
  private asleep: Array<() => void> = []
  private readonly listeners = new Set<() => void>()

  constructor(setup: ServerSetup, timeline: Timeline) {
    this.setup = setup
    this.timeline = timeline
  }

  get tools(): ReadonlyArray<string> {
    return this.hasExtra ? TOOLS : TOOLS.slice(0, -1)
  }

  /** Does something now, or, where the server is mute, once it is not any more. */
  awake(act: () => void): void {
    if (this.isMute) this.asleep.push(act)
    else act()
  }

  mute(isOn: boolean): void {
    this.isMute = isOn
    if (isOn) return
    const waiting = this.asleep
    this.asleep = []
    for (const act of waiting) act()
  }

  /** Told when what it offers changes; gives how to be told no more. */
  onRelist(told: () => void): () => void {
    this.listeners.add(told)
    return () => this.listeners.delete(told)
  }

  relist(): void {
    this.hasExtra = !this.hasExtra
    for (const told of this.listeners) told()
  }

  after(millis: number, act: () => void): void {
    this.timeline.after(millis, act)
  }

  begin(execution: Execution): void {
    const before = this.executions.get(execution.tag)
    if (before === undefined) this.executions.set(execution.tag, [execution])
    else before.push(execution)
  }

  /** The executions that are under way. */
  open(): ReadonlyArray<Execution> {
    return [...this.executions.values()].flat().filter(({ isReachable, state }) => state === "open" && isReachable())
  }

  /** Carries out what a plan says. */
  perform(plan: Plan, { answer, ask, crash, fail, progress }: Stage): void {
    switch (plan._tag) {
      case "Quick":
        return answer()
      case "Progress":
        for (let step = 1; step <= plan.steps; step++) progress(step)
        return answer()
      case "Later":
        return this.after(plan.millis, () => this.awake(answer))
      case "Held":
        this.held.push(() => this.awake(answer))
        return undefined
      case "Never":
        return undefined
      case "Ask": {
        const heard: Array<unknown> = []
        const next = (): void => {
          if (heard.length === plan.rounds) return answer({ heard })
          ask(heard.length + 1, (said) => {
            heard.push(said)
            next()
          })
        }
        return next()
      }
      case "Crash":
        this.onCrash()
        return crash()
      case "Error":
        return fail()
      case "Twice":
        answer()
        return answer()
    }
  }
}
