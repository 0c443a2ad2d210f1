/** Says that files may have changed: soon after their folders say so, and every so often, for some folders say nothing. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"

export interface Patience {
  /** How long folders have to be quiet. */
  readonly quiet: Duration.Input
  /** How often files are looked at though nothing was said: mounted files and network file systems tell of nothing. */
  readonly poll: Duration.Input
}

/** A link that Kubernetes swaps beside the files that it mounts. */
const SWAPPED = "..data"

/** Hints about these files, which need not exist. The files are not watched themselves: their successors would not be. */
export const hints = (
  files: ReadonlyArray<string>,
  { poll, quiet }: Patience
): Stream.Stream<void, never, FileSystem.FileSystem | Path.Path> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const paths = yield* Path.Path
      const folders = Map.groupBy(files, paths.dirname)
      const told = [...folders].map(([folder, inside]) => {
        const names = new Set([...inside.map((file) => paths.basename(file)), SWAPPED])
        return fs.watch(folder).pipe(
          Stream.retry(Schedule.spaced("5 seconds")),
          Stream.filter((event) => names.has(paths.basename(event.path))),
          Stream.orDie
        )
      })
      const settled = Stream.debounce(Stream.mergeAll(told, { concurrency: "unbounded" }), quiet)
      return Stream.merge(settled, Stream.fromSchedule(Schedule.spaced(poll))).pipe(Stream.map(() => undefined))
    })
  )
