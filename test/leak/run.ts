/** All phases on one proxy: what it holds before, meanwhile and after. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { nobodyLeft, survivors } from "../integration/harness.ts"
import * as Channel from "./Channel.ts"
import { type Phase, phases } from "./phases.ts"
import * as Scene from "./Scene.ts"
import type { Point } from "./Slope.ts"
import * as Verdict from "./Verdict.ts"

/** How often each thing is done: first unweighed, so that all that fills up is full, and then in ten equal parts. */
export type Plan = Readonly<Partial<Record<Verdict.Unit, { readonly warm: number; readonly counted: number }>>>

/** A quarter of an hour on two cores. */
export const FULL: Plan = {
  call: { warm: 5000, counted: 100_000 },
  crash: { warm: 100, counted: 2000 },
  session: { warm: 300, counted: 10_000 },
  reload: { warm: 100, counted: 1000 },
  client: { warm: 50, counted: 500 }
}

/** Half a minute. */
export const SHORT: Plan = {
  call: { warm: 2500, counted: 2000 },
  crash: { warm: 40, counted: 80 },
  session: { warm: 120, counted: 100 },
  reload: { warm: 20, counted: 40 },
  client: { warm: 16, counted: 80 }
}

const SAMPLES = 10

/** What was done last is given so long to come to its end. */
const SETTLE_MILLIS = 60_000

const belongings = (scene: Scene.Scene) =>
  Effect.map(
    scene.channel.census,
    ({ listeners, resources, timers }): Verdict.Belongings & { readonly resources: Channel.Census["resources"] } => ({
      processes: scene.processes(),
      descriptors: scene.descriptors(),
      timers,
      listeners,
      resources
    })
  )

/** As soon as nothing has become less for a while. */
const settled = Effect.fnUntraced(function* (scene: Scene.Scene) {
  let last = yield* belongings(scene)
  for (let calm = 0; calm < 6;) {
    yield* Effect.sleep(500)
    const next = yield* belongings(scene)
    calm = Verdict.more(next, last).length === 0 && Verdict.more(last, next).length > 0 ? 0 : calm + 1
    if (calm === 0) last = next
  }
  return last
})

/** As soon as there is no more of anything than before; or as it is then. */
const comparable = Effect.fnUntraced(function* (scene: Scene.Scene, before: Verdict.Belongings) {
  const deadline = (yield* Clock.currentTimeMillis) + SETTLE_MILLIS
  for (;;) {
    const after = yield* belongings(scene)
    if (Verdict.more(before, after).length === 0 || (yield* Clock.currentTimeMillis) > deadline) return after
    yield* Effect.sleep(500)
  }
})

/** Live bytes once what was done last has come to its end: the least of what is found. */
const weigh = Effect.fnUntraced(function* (scene: Scene.Scene, descriptors: number) {
  yield* Effect.ignore(
    Effect.timeoutOption(
      Effect.repeat(Effect.sleep(50), { while: () => scene.descriptors() > descriptors }),
      "3 seconds"
    )
  )
  const first = yield* scene.channel.memory
  yield* Effect.sleep(100)
  const second = yield* scene.channel.memory
  return { held: Math.min(first.heap + first.external, second.heap + second.external), resident: second.resident }
})

const MB = 1_000_000
const megabytes = (bytes: number | undefined): string => ((bytes ?? 0) / MB).toFixed(2)

const measure = (scene: Scene.Scene, unit: Verdict.Unit, phase: Phase, counted: number, say: (line: string) => void) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const step = yield* phase(scene)
    const each = Math.ceil(counted / SAMPLES)
    const samples: Array<Point> = []
    let resident = 0
    const descriptors = scene.descriptors()
    for (let sample = 1; sample <= SAMPLES; sample++) {
      yield* step(each)
      const weighed = yield* weigh(scene, descriptors)
      samples.push([sample * each, weighed.held])
      resident = weighed.resident
    }
    const growth = { unit, samples }
    const seconds = ((yield* Clock.currentTimeMillis) - start) / 1000
    say(
      `${each * SAMPLES} × ${unit}: ${Verdict.left(growth)} bytes each (at most ${Verdict.limit(growth)}); MB held: ${samples.map(([, held]) => megabytes(held)).join(" ")}; ${megabytes(resident)} MB resident; ${seconds.toFixed(0)} s`
    )
    return growth
  }).pipe(Effect.scoped)

/** Does all that is planned, and says what it finds on the way. */
export const run = (
  plan: Plan,
  options: Scene.SceneOptions & { readonly say: (line: string) => void }
): Effect.Effect<Verdict.Findings> =>
  Effect.gen(function* () {
    const { say } = options
    const scene = yield* Scene.make(options)
    const planned = Verdict.UNITS.flatMap((unit) => {
      const { counted, warm } = plan[unit] ?? { warm: 0, counted: 0 }
      return counted === 0 ? [] : [{ unit, phase: phases[unit], counted, warm }]
    })
    for (const { phase, warm } of planned) {
      yield* Effect.scoped(Effect.flatMap(phase(scene), (step) => step(warm)))
    }
    const before = yield* settled(scene)
    say(`before: ${JSON.stringify(before)}`)
    const growth: Array<Verdict.Growth> = []
    for (const { counted, phase, unit } of planned) growth.push(yield* measure(scene, unit, phase, counted, say))
    const after = yield* comparable(scene, before)
    say(`after: ${JSON.stringify(after)}`)
    yield* scene.proxy.signal("SIGTERM")
    yield* scene.proxy.exited
    yield* Effect.ignore(Effect.exit(nobodyLeft(scene.proxy.marker)))
    const warnings = scene.proxy.output().match(/^.*MaxListenersExceededWarning.*$/gmu) ?? []
    return { before, after, growth, survivors: survivors(scene.proxy.marker).length, warnings }
  }).pipe(Effect.scoped)
