/** Putting changed files into force while the proxy runs: when they change, and when somebody asks for it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as ConfigFile from "../config/ConfigFile.ts"
import { ConfigSource, type Reading } from "../config/ConfigSource.ts"
import { Audit } from "../access/Audit.ts"
import type { Who } from "../domain/AuditRecord.ts"
import * as ConfigDifference from "../domain/ConfigDifference.ts"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"
import { Fleet } from "./Fleet.ts"

const log = logger("config")

/** The configuration has changed, and is to be put into force by a process that is started anew. */
export class ConfigChanged extends Schema.TaggedError<ConfigChanged>()("ConfigChanged", {
  path: Schema.String,
  difference: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 42
  override get message(): string {
    return `${this.path} has changed (${this.difference}); ended to be started anew with it (MCP_RELOAD_MODE=exit)`
  }
}

/** What is in force, and what is not. */
export interface ReloadState {
  readonly path: string
  /** When what is in force was read, in epoch milliseconds. */
  readonly loadedAt: number
  /** Why the file as it was last read is not in force; with every problem, its line and path. */
  readonly problem: string | undefined
  /** Settings of the proxy itself that have changed and take effect at a restart. */
  readonly overdue: ReadonlyArray<string>
}

export type Outcome =
  | {
      readonly _tag: "Read"
      readonly difference: ConfigDifference.Difference
      readonly overdue: ReadonlyArray<string>
    }
  | { readonly _tag: "Refused"; readonly problem: string }

export interface ReloadOptions {
  readonly mode: "in-process" | "exit"
  /** Follow the file as it changes. */
  readonly isLive: boolean
  /** Asks for a reload with each element. */
  readonly triggers: Stream.Stream<void>
}

export class Reload extends Context.Service<
  Reload,
  {
    readonly state: () => ReloadState
    /** Reads the files and puts them into force. What cannot be used changes nothing. */
    readonly reload: (by?: Who) => Effect.Effect<Outcome>
    /** What a reload would do. */
    readonly preview: Effect.Effect<Outcome>
    /** Fails once another process is to be started with a changed configuration; never succeeds. */
    readonly ended: Effect.Effect<never, ConfigChanged>
  }
>()("mcp-proxy/fleet/Reload") {}

const make = Effect.fnUntraced(function* ({ isLive, mode, triggers }: ReloadOptions) {
  const fleet = yield* Fleet
  const audit = yield* Audit
  const source = yield* ConfigSource
  const ended = yield* Deferred.make<never, ConfigChanged>()
  const one = yield* Semaphore.make(1)
  let state: ReloadState = {
    path: source.path,
    loadedAt: yield* Clock.currentTimeMillis,
    problem: undefined,
    overdue: []
  }

  const preview: Effect.Effect<Outcome> = Effect.match(source.read, {
    onFailure: ({ message }) => ({ _tag: "Refused", problem: message }),
    onSuccess: ({ loaded, overdue }) => ({
      _tag: "Read",
      difference: ConfigDifference.between(fleet.config(), loaded.config),
      overdue
    })
  })

  const refuse = Effect.fnUntraced(function* (problem: string) {
    // The same complaint with every look would only hide others.
    if (state.problem !== problem) yield* log.error(`${problem}\nThe configuration in force stays as it is.`)
    state = { ...state, problem }
    return { _tag: "Refused", problem } satisfies Outcome
  })

  const noteOverdue = Effect.fnUntraced(function* (overdue: ReadonlyArray<string>) {
    const news = overdue.filter((name) => !state.overdue.includes(name))
    if (news.length > 0) yield* log.warning(`${news.join(", ")}: changed in .env; takes effect at restart`)
    state = { ...state, overdue }
  })

  const adopt = Effect.fnUntraced(function* ({ loaded, overdue }: Reading, by: Who | undefined) {
    yield* noteOverdue(overdue)
    const difference = ConfigDifference.between(fleet.config(), loaded.config)
    const wasRefused = state.problem !== undefined
    state = { ...state, problem: undefined, loadedAt: yield* Clock.currentTimeMillis }
    if (ConfigDifference.isNone(difference)) {
      if (wasRefused) yield* log.info(`${loaded.path} can be used again, and is as what is in force`)
      // Another order of servers is no difference, but the order of lists.
      yield* fleet.apply(loaded.config)
      return { _tag: "Read", difference, overdue } satisfies Outcome
    }
    const text = ConfigDifference.describe(difference)
    yield* audit.record({ kind: "configuration", outcome: "ok", detail: text, principal: by })
    if (mode === "exit") {
      yield* Deferred.fail(ended, new ConfigChanged({ path: loaded.path, difference: text }))
      return { _tag: "Read", difference, overdue } satisfies Outcome
    }
    yield* ConfigFile.logRemarks(loaded)
    yield* fleet.apply(loaded.config)
    yield* log.info(`Reloaded ${loaded.path}: ${text}`)
    return { _tag: "Read", difference, overdue } satisfies Outcome
  })

  const reload = (by?: Who) =>
    source.read.pipe(
      Effect.matchEffect({
        onFailure: ({ message }) => refuse(message),
        onSuccess: (reading) => adopt(reading, by)
      }),
      one.withPermits(1)
    )

  const asked = isLive ? Stream.merge(source.changes, triggers) : triggers
  yield* Vital.fork(
    `Following ${source.path}`,
    Stream.runForEach(asked, () => reload())
  )

  return Reload.of({ state: () => state, reload, preview, ended: Deferred.await(ended) })
})

export const layer = (options: ReloadOptions): Layer.Layer<Reload, never, Audit | Fleet | ConfigSource> =>
  Layer.effect(Reload, make(options))

/** The service, where there is one: a gateway whose configuration is given by its program has none. */
export const optional: Effect.Effect<Option.Option<Reload["Service"]>> = Effect.serviceOption(Reload)
