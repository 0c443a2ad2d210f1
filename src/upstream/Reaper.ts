/** Kills what we started if we are killed ourselves. */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"

const log = logger("upstream")

/**
 * The sidecar: it is told each process group on its standard input, `+ID` and `-ID`, and lives in a group of its own, so
 * that no signal meant for ours reaches it. When its input ends, be it because we died by SIGKILL, it ends the groups
 * that are left: TERM, two seconds, KILL.
 */
const SCRIPT = `
trap '' INT TERM HUP
groups=' '
while read -r line; do
  id=\${line#?}
  case $line in
    +*) groups="$groups$id " ;;
    -*) groups="\${groups%% $id *} \${groups#* $id }" ;;
  esac
done
for id in $groups; do kill -TERM "-$id" 2>/dev/null; done
case $groups in *[0-9]*) sleep 2 ;; esac
for id in $groups; do kill -KILL "-$id" 2>/dev/null; done
`

const sidecar = ChildProcess.make("/bin/sh", ["-c", SCRIPT], {
  env: { PATH: "/usr/bin:/bin" },
  stdout: "ignore",
  stderr: "ignore",
  forceKillAfter: "5 seconds"
})

/** `guard(group)` has the sidecar watch over a process group for as long as the scope lives. */
export class Reaper extends Context.Service<
  Reaper,
  { readonly guard: (group: number) => Effect.Effect<void, never, Scope.Scope> }
>()("mcp-proxy/upstream/Reaper") {
  static readonly layer: Layer.Layer<Reaper, never, ChildProcessSpawner> = Layer.effect(
    Reaper,
    Effect.gen(function* () {
      const spawner = yield* ChildProcessSpawner
      const groups = new Set<number>()
      /** What the sidecar of the moment is still to be told. */
      let orders: Queue.Queue<string, Cause.Done> | undefined
      const tell = (order: string): void => {
        if (orders !== undefined) Queue.offerUnsafe(orders, order)
      }
      const run = Effect.gen(function* () {
        const child = yield* spawner.spawn(sidecar)
        const queue = yield* Queue.unbounded<string, Cause.Done>()
        orders = queue
        for (const group of groups) tell(`+${group}`)
        const telling = yield* Stream.fromQueue(queue).pipe(
          Stream.map((order) => `${order}\n`),
          Stream.encodeText,
          Stream.run(child.stdin),
          Effect.forkScoped
        )
        // It ignores SIGTERM, and goes by itself when its input ends.
        yield* Effect.addFinalizer(() =>
          Queue.end(queue).pipe(Effect.andThen(child.exitCode), Effect.timeout("3 seconds"), Effect.ignore)
        )
        // One that cannot be told anything is as good as none.
        yield* Effect.raceFirst(Effect.asVoid(child.exitCode), Fiber.join(telling))
      }).pipe(Effect.scoped)
      yield* Vital.fork(
        "The watch over the sidecar",
        run.pipe(
          Effect.tapError((error) =>
            log.warning(`The sidecar that cleans up after a kill cannot run: ${error.message}`)
          ),
          Effect.ignore,
          Effect.repeat(Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("10 minutes")]))
        )
      )
      return Reaper.of({
        guard: (group) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              groups.add(group)
              tell(`+${group}`)
            }),
            () =>
              Effect.sync(() => {
                groups.delete(group)
                tell(`-${group}`)
              })
          )
      })
    })
  )

  /** Watches over nothing. */
  static readonly layerNone: Layer.Layer<Reaper> = Layer.succeed(Reaper, Reaper.of({ guard: () => Effect.void }))
}
