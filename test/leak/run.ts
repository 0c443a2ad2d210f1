/** All phases on one proxy: what it holds before, meanwhile and after. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { nobodyLeft, survivors } from "../integration/harness.ts"
import { type Phase, phases, silentClients } from "./phases.ts"
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
  call: { warm: 3000, counted: 2500 },
  crash: { warm: 32, counted: 80 },
  session: { warm: 120, counted: 100 },
  reload: { warm: 8, counted: 40 },
  client: { warm: 16, counted: 80 }
}

const SAMPLES = 10

/** How much of what the proxy has printed is shown when something went wrong. */
const LAST_WORDS = 2000

const belongings = (scene: Scene.Scene): Effect.Effect<Verdict.Belongings> =>
  Effect.map(scene.channel.census, (census) => ({
    processes: scene.processes(),
    descriptors: scene.descriptors(),
    ...census
  }))

const LOOK = "500 millis"

/** So often nothing has become less: what was done before has come to its end. */
const CALM = 6

/** The least of everything, once that does not become less any more. */
const settled = Effect.fnUntraced(function* (scene: Scene.Scene) {
  let least = yield* belongings(scene)
  for (let calm = 0; calm < CALM; calm++) {
    yield* Effect.sleep(LOOK)
    const next = yield* belongings(scene)
    if (Verdict.more(next, least).length > 0) calm = 0
    least = Verdict.least(least, next)
  }
  return least
})

/** What there is as soon as it is no more than before; after so long, whatever it is. */
const comparable = Effect.fnUntraced(function* (scene: Scene.Scene, before: Verdict.Belongings, millis: number) {
  const deadline = (yield* Clock.currentTimeMillis) + millis
  for (;;) {
    const after = yield* belongings(scene)
    if (Verdict.more(before, after).length === 0 || (yield* Clock.currentTimeMillis) > deadline) return after
    yield* Effect.sleep(LOOK)
  }
})

/** What is held once no connections of what was done last are closed any more. */
const weigh = Effect.fnUntraced(function* (scene: Scene.Scene) {
  for (let last = Infinity, now = scene.descriptors(); now < last;) {
    yield* Effect.sleep("100 millis")
    last = now
    now = scene.descriptors()
  }
  const { external, heap, resident } = yield* scene.channel.memory
  return { held: heap + external, resident }
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
    for (let sample = 1; sample <= SAMPLES; sample++) {
      yield* step(each)
      const weighed = yield* weigh(scene)
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
  options: Scene.SceneOptions & {
    readonly say: (line: string) => void
    /** So many clients that say nothing more wait until the proxy has given them up, for half a minute. */
    readonly silent: number
    /** How long what was done last may take to come to its end. */
    readonly settleMillis: number
  }
): Effect.Effect<Verdict.Findings> =>
  Effect.gen(function* () {
    const { say } = options
    const scene = yield* Scene.make(options)
    const planned = Verdict.UNITS.flatMap((unit) => {
      const { counted, warm } = plan[unit] ?? { warm: 0, counted: 0 }
      return counted === 0 ? [] : [{ unit, phase: phases[unit], counted, warm }]
    })
    const work = Effect.gen(function* () {
      for (const { phase, warm } of planned) {
        yield* Effect.scoped(Effect.flatMap(phase(scene), (step) => step(warm)))
      }
      const before = yield* settled(scene)
      const growth: Array<Verdict.Growth> = []
      for (const { counted, phase, unit } of planned) growth.push(yield* measure(scene, unit, phase, counted, say))
      yield* silentClients(scene, options.silent)
      const after = yield* comparable(scene, before, options.settleMillis)
      say(`before: ${Verdict.show(before)}; after: ${Verdict.show(after)}`)
      return { before, growth, after }
    })
    const found = yield* Effect.tapCause(work, () =>
      Effect.sync(() => say(`The proxy's last words:\n${scene.proxy.output().slice(-LAST_WORDS)}`))
    )
    yield* scene.proxy.signal("SIGTERM")
    const code = yield* scene.proxy.exited
    yield* Effect.exit(nobodyLeft(scene.proxy.marker))
    const warnings = [
      ...(scene.proxy.output().match(/^.*MaxListenersExceededWarning.*$/gmu) ?? []),
      ...(code === 0 ? [] : [`the proxy ended with ${code}`])
    ]
    return { ...found, survivors: survivors(scene.proxy.marker).length, warnings }
  }).pipe(Effect.scoped)
