/** What is done to a proxy, over and over, each time leaving nothing behind. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Load from "../../bench/load/Load.ts"
import * as Messages from "../../bench/load/Messages.ts"
import { close, HOST, lanes, type Running } from "../../bench/targets/Target.ts"
import { HEADERS, type Scene } from "./Scene.ts"

/** Does so much of something; dies where it has not done it. */
export type Step = (count: number) => Effect.Effect<void>

export interface Phase {
  /** What is counted. */
  readonly unit: string
  readonly begin: (scene: Scene) => Effect.Effect<Step, never, Scope.Scope>
}

const runningAt = (scene: Scene, path = "/mcp"): Pick<Running, "port" | "path" | "headers" | "sessions"> => ({
  port: scene.proxy.port,
  path,
  headers: HEADERS,
  sessions: "each"
})

const PAYLOAD = 100

/** Connections that stay, in both eras and with both kinds of answers, to a local and a remote server. */
const calls: Phase = {
  unit: "call",
  begin: (scene) =>
    Effect.gen(function* () {
      const all: Array<Load.Lane> = []
      yield* Effect.addFinalizer(() => Effect.sync(() => close(all)))
      for (const era of ["legacy", "modern"] as const) {
        for (const answers of ["json", "stream"] as const) {
          for (const server of ["echo", "remote"]) {
            const prepare = (address: Messages.Address) => Messages.echo(address, PAYLOAD, `${server}_echo`)
            const made = yield* Effect.promise(() =>
              lanes({ ...(runningAt(scene) as Running) }, { answers, era }, 1, prepare)
            )
            all.push(...made)
          }
        }
      }
      return (count) =>
        Effect.flatMap(
          Effect.promise(() => Load.run(all, { total: count })),
          ({ failed, failures }) => (failed === 0 ? Effect.void : Effect.die(new Error(failures[0])))
        )
    })
}

export const phases = { calls }
export { HOST }
