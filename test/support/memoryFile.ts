/** One file of a file system in memory, which tells of changes as the test says. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as PlatformError from "effect/PlatformError"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"

/** A text; or why there is none. */
type Content = string | "NotFound" | "PermissionDenied"

export const memoryFile = (path: string, initial: Content) => {
  let content = initial
  let reads = 0
  const events = Effect.runSync(PubSub.unbounded<FileSystem.WatchEvent>())
  const readFileString = () =>
    Effect.suspend(() => {
      reads++
      return content === "NotFound" || content === "PermissionDenied"
        ? Effect.fail(
            PlatformError.systemError({
              _tag: content,
              module: "FileSystem",
              method: "readFileString",
              pathOrDescriptor: path
            })
          )
        : Effect.succeed(content)
    })
  return {
    layer: Layer.merge(FileSystem.layerNoop({ readFileString, watch: () => Stream.fromPubSub(events) }), Path.layer),
    /** Changes it without a word. */
    become: (next: Content) => Effect.sync(() => void (content = next)),
    /** The folder says that the file, or another, has changed. */
    tell: (name: string) => PubSub.publish(events, { _tag: "Update" as const, path: name }),
    reads: () => reads
  }
}
