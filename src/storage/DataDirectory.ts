/** The directory in which the proxy keeps what must survive a restart. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as Setting from "../settings/Setting.ts"

export const settings = {
  dataDirectory: Setting.text({
    name: "MCP_DATA_DIR",
    description: "Directory for keys and state; created if need be, readable by its owner only.",
    fallback: "data"
  })
}

/** The directory cannot be created or written. */
export class DataDirectoryError extends Schema.TaggedError<DataDirectoryError>()("DataDirectoryError", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `MCP_DATA_DIR: ${this.path} cannot be used: ${this.reason}. Name a directory that this user may write.`
  }
}

/** `file(name)` is the absolute path of a file in the directory, which exists and is private. */
export class DataDirectory extends Context.Service<
  DataDirectory,
  { readonly path: string; readonly file: (name: string) => string }
>()("mcp-proxy/storage/DataDirectory") {
  static readonly layer = (directory: string) =>
    Layer.effect(
      DataDirectory,
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const absolute = path.resolve(directory)
        yield* fs.makeDirectory(absolute, { recursive: true, mode: 0o700 }).pipe(
          Effect.andThen(fs.access(absolute, { writable: true })),
          Effect.mapError((error) => new DataDirectoryError({ path: absolute, reason: error.message }))
        )
        return DataDirectory.of({ path: absolute, file: (name) => path.join(absolute, name) })
      })
    )
}
