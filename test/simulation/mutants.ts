/** Faults of a proxy, each put before one of its real parts, as somebody might make them by a mistake there. */
import type * as Context from "effect/Context"
import type * as Layer from "effect/Layer"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type { Fleet } from "../../src/fleet/Fleet.ts"
import type { Inner } from "./Instance.ts"

/** What stands before the parts of a proxy. */
export interface Mutant {
  readonly name: string
  readonly fleet?: (inner: Fleet["Service"]) => Fleet["Service"]
  readonly gateway?: (inner: Context.Context<Inner>) => Context.Context<Inner>
  readonly spawner?: (inner: Layer.Layer<ChildProcessSpawner>) => Layer.Layer<ChildProcessSpawner>
}
