/** All phases on one proxy, with what it holds before, meanwhile and after. */
import * as Effect from "effect/Effect"
import { phases } from "./phases.ts"
import * as Scene from "./Scene.ts"
import { lastHalf, slope } from "./Slope.ts"

const program = Effect.gen(function* () {
  const scene = yield* Scene.make({ leaks: process.argv.includes("--leak") })
  const step = yield* phases.calls.begin(scene)
  const total = Number(process.argv[2] ?? 20_000)
  yield* step(5000)
  console.log(yield* scene.channel.census, scene.descriptors())
  const points: Array<[number, number]> = []
  for (let i = 1; i <= 10; i++) {
    yield* step(total / 10)
    yield* Effect.sleep(300)
    const c = yield* scene.channel.census
    points.push([(i * total) / 10, c.heap])
    console.log(i, c.heap, c.external, c.timers, c.listeners, scene.descriptors())
  }
  console.log(slope(lastHalf(points)))
}).pipe(Effect.scoped)
await Effect.runPromise(program)
