/** The stream on which a modern server tells of changes (2026-07-28, basic/patterns/subscriptions). */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Kind } from "../domain/Catalogue.ts"
import * as Frame from "../domain/Frame.ts"
import { type Capabilities, CODE, EXTENSION } from "../domain/Protocol.ts"
import { logger } from "../observability/Logging.ts"
import * as Attached from "./Attached.ts"
import type { Connection } from "./Connection.ts"
import { encodeRequest, errorOf } from "./Message.ts"

const log = logger("upstream")

/** What is listened for. */
export interface Filter {
  readonly toolsListChanged?: true
  readonly promptsListChanged?: true
  readonly resourcesListChanged?: true
  readonly resourceSubscriptions?: ReadonlyArray<string>
  readonly taskIds?: ReadonlyArray<string>
}

const LISTED = {
  toolsListChanged: ["tools"],
  promptsListChanged: ["prompts"],
  resourcesListChanged: ["resources", "resourceTemplates"]
} as const satisfies Record<string, ReadonlyArray<Kind>>

const FLAGS = Object.keys(LISTED) as ReadonlyArray<keyof typeof LISTED>

const declares = (capabilities: Capabilities, name: string, member: string): boolean => {
  const capability = capabilities[name]
  return Predicate.isReadonlyObject(capability) && capability[member] !== undefined && capability[member] !== false
}

/** All that a server of these capabilities can tell of, and that somebody wants to know. */
export const filterFor = (
  capabilities: Capabilities,
  wanted: { readonly uris: ReadonlyArray<string>; readonly tasks: ReadonlyArray<string> }
): Filter => ({
  ...(declares(capabilities, "tools", "listChanged") ? { toolsListChanged: true } : {}),
  ...(declares(capabilities, "prompts", "listChanged") ? { promptsListChanged: true } : {}),
  ...(declares(capabilities, "resources", "listChanged") ? { resourcesListChanged: true } : {}),
  ...(wanted.uris.length > 0 && declares(capabilities, "resources", "subscribe")
    ? { resourceSubscriptions: wanted.uris }
    : {}),
  ...(wanted.tasks.length > 0 && declares(capabilities, "extensions", EXTENSION.tasks) ? { taskIds: wanted.tasks } : {})
})

/** The lists of whose changes a server agreed to tell. */
const honoured = (acknowledgement: Frame.Frame): ReadonlyArray<Kind> =>
  FLAGS.filter((flag) => Frame.valueAt(acknowledgement, "notifications", flag) === true).flatMap(
    (flag): ReadonlyArray<Kind> => LISTED[flag]
  )

export interface Listening {
  /** Listens for what is wanted now; what was listened for before is listened for until then. */
  readonly renew: () => void
  /** Would a change of this list be told of? */
  readonly covers: (kind: Kind) => boolean
  /** Succeeds once the server listens for changes of that resource on our behalf. */
  readonly hears: (uri: string) => Effect.Effect<void>
  /** Succeeds once it is known whether the server tells of changes. */
  readonly settled: Effect.Effect<void>
}

/** How long a server may take to acknowledge. */
const ACKNOWLEDGEMENT = Duration.seconds(30)

const FIRST_DELAY = Duration.seconds(1)
const MAX_DELAY = Duration.minutes(1)

const delayAfter = (failures: number): Duration.Duration =>
  Duration.min(MAX_DELAY, Duration.times(FIRST_DELAY, 2 ** Math.min(failures, 10)))

/** Why listening ended, and whether it did for good. */
interface End {
  readonly reason: string
  readonly isFinal: boolean
}

interface Standing {
  readonly filter: Filter
  readonly acknowledged: Deferred.Deferred<ReadonlyArray<Kind>>
  readonly fiber: Fiber.Fiber<End>
}

/**
 * Listens as long as the scope lives. `heard` gets what comes; `missed`, called once the stream is back after a break, the
 * lists that may have changed unheard.
 */
export const start = (options: {
  readonly connection: Connection
  readonly wanted: () => { readonly uris: ReadonlyArray<string>; readonly tasks: ReadonlyArray<string> }
  readonly heard: (frame: Frame.Frame) => void
  readonly missed: (kinds: ReadonlyArray<Kind>) => void
  readonly server: string
}): Effect.Effect<Listening, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { connection, heard, missed, server, wanted } = options
    const scope = yield* Effect.scope
    const renewed = yield* Latch.make(false)
    const settled = yield* Deferred.make<void>()
    let covered: ReadonlyArray<Kind> = []
    const heardOf = yield* SubscriptionRef.make<ReadonlyArray<string>>([])

    const begin = Effect.fnUntraced(function* (filter: Filter) {
      const acknowledged = yield* Deferred.make<ReadonlyArray<Kind>>()
      const message = encodeRequest("subscriptions/listen", connection.own({ notifications: filter }))
      const fiber = yield* connection.rpc
        .listen(
          message,
          (frame) => {
            if (frame.method !== "notifications/subscriptions/acknowledged") heard(frame)
            else Deferred.doneUnsafe(acknowledged, Effect.succeed(honoured(frame)))
          },
          connection.headersFor({ method: "subscriptions/listen" })
        )
        .pipe(
          Effect.match({
            onFailure: (error): End => ({ reason: error.message, isFinal: false }),
            onSuccess: (frame): End => ({
              reason: errorOf(frame) ?? "the server ended it",
              isFinal: Frame.errorCode(frame) === CODE.methodNotFound
            })
          }),
          Effect.forkIn(scope)
        )
      return { filter, acknowledged, fiber }
    })

    const acknowledgement = ({ acknowledged, fiber }: Standing) =>
      Effect.raceFirst(Deferred.await(acknowledged), Effect.flatMap(Fiber.join(fiber), Effect.fail)).pipe(
        Effect.timeoutOrElse({
          duration: ACKNOWLEDGEMENT,
          orElse: () => Effect.fail<End>({ reason: "it was not acknowledged", isFinal: false })
        })
      )

    const run = Effect.gen(function* () {
      let standing: Standing | undefined
      let since = 0
      let failures = 0
      let hasBroken = false

      const pause = Effect.fnUntraced(function* ({ reason }: End) {
        yield* log.debug(`Listening ended: ${reason}`, { server })
        covered = []
        yield* SubscriptionRef.set(heardOf, [])
        hasBroken = true
        yield* Effect.sleep(delayAfter(failures++))
      })

      for (;;) {
        yield* renewed.close
        const filter = filterFor(connection.peer.capabilities, wanted())
        if (Object.keys(filter).length === 0) {
          if (standing !== undefined) yield* Fiber.interrupt(standing.fiber)
          standing = undefined
          yield* Deferred.succeed(settled, undefined)
          yield* renewed.await
          continue
        }
        if (standing === undefined || !Equal.equals(standing.filter, filter)) {
          const next: Standing = yield* begin(filter)
          const acknowledged = yield* Effect.result(acknowledgement(next))
          yield* Deferred.succeed(settled, undefined)
          if (Result.isFailure(acknowledged)) {
            yield* Fiber.interrupt(next.fiber)
            if (acknowledged.failure.isFinal) return
            yield* pause(acknowledged.failure)
            continue
          }
          if (standing !== undefined) yield* Fiber.interrupt(standing.fiber)
          standing = next
          since = yield* Clock.currentTimeMillis
          covered = acknowledged.success
          yield* SubscriptionRef.set(heardOf, filter.resourceSubscriptions ?? [])
          if (hasBroken) missed(covered)
          hasBroken = false
        }
        const end: End | undefined = yield* Effect.raceFirst(
          Effect.as(renewed.await, undefined),
          Fiber.join(standing.fiber)
        )
        if (end === undefined) continue
        standing = undefined
        if ((yield* Clock.currentTimeMillis) - since >= Duration.toMillis(MAX_DELAY)) failures = 0
        yield* pause(end)
      }
    })
    yield* Attached.fork(run, connection.rpc.lose)

    return {
      renew: () => void renewed.openUnsafe(),
      covers: (kind) => covered.includes(kind),
      hears: (uri) =>
        Effect.asVoid(Stream.runHead(Stream.filter(SubscriptionRef.changes(heardOf), (uris) => uris.includes(uri)))),
      settled: Deferred.await(settled)
    }
  })
