/** Keeps a connection to one server alive: connection + policy -> Layer<Upstream>. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Catalogue from "../domain/Catalogue.ts"
import { CallTimeout, OutcomeUnknown, UpstreamDown, UpstreamRefused } from "../domain/Errors.ts"
import type { Lane } from "../domain/Lane.ts"
import { LOG_LEVELS, type LogLevel } from "../domain/Protocol.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import * as Status from "../domain/UpstreamStatus.ts"
import { logger } from "../observability/Logging.ts"
import * as Connection from "./Connection.ts"
import * as Lifecycle from "./Lifecycle.ts"
import * as Listing from "./Listing.ts"
import * as RestartPolicy from "./RestartPolicy.ts"
import type { CallHandlers, RpcError } from "./Rpc.ts"
import { ConnectionLost, type SessionExpired } from "./Transport.ts"
import * as Unsolicited from "./Unsolicited.ts"
import {
  type Answered,
  type Outgoing,
  Upstream,
  type UpstreamError,
  type UpstreamEvent,
  type UpstreamState
} from "./Upstream.ts"

const log = logger("upstream")

/** How long the calls in flight on an expired session may go on before it is closed under them. */
const EXPIRED_GRACE = Duration.seconds(10)

/** Process-wide defaults of supervision. */
export const Defaults = Context.Reference<{ readonly restartDelay: Option.Option<Duration.Duration> }>(
  "mcp-proxy/upstream/Supervisor/Defaults",
  { defaultValue: () => ({ restartDelay: Option.none() }) }
)

const INITIAL: UpstreamState = {
  status: Status.starting,
  peer: undefined,
  catalogue: Catalogue.empty,
  hints: {},
  startMillis: undefined,
  note: undefined
}

/**
 * A supervised connection for one lane of one server. The lanes of a server share a shelf; `publish` is told what the
 * server does of its own accord.
 */
export const layer = (
  config: ServerConfig,
  lane: Lane,
  shelf: Catalogue.Shelf,
  publish: (event: UpstreamEvent) => void
): Layer.Layer<Upstream, never, Connection.Platform> =>
  Layer.effect(
    Upstream,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const defaults = yield* Defaults
      const state = yield* SubscriptionRef.make(INITIAL)
      const wake = yield* Latch.make(false)
      const watched = new Map<string, Set<SessionKey>>()
      let current: Connection.Connection | undefined
      let level: LogLevel | undefined
      const server = config.id
      // What happens on the lanes of single sessions is everyday life; on the shared one it concerns everybody.
      const say = lane._tag === "Shared" ? log.info : log.debug
      const complain = lane._tag === "Shared" ? log.warning : log.debug

      const update = (change: Partial<UpstreamState>) =>
        SubscriptionRef.update(state, (before) => ({ ...before, ...change }))

      const setStatus = Effect.fnUntraced(function* (status: Status.UpstreamStatus) {
        yield* update({ status })
        const now = yield* Clock.currentTimeMillis
        if (status._tag === "Failed") yield* log.error(`${server} ${Status.describe(status, now)}`, { server })
        if (status._tag === "BackingOff") yield* complain(`${server} ${Status.describe(status, now)}`, { server })
      })

      const offered = (kind: Catalogue.Kind, items: ReadonlyArray<Catalogue.Item>) =>
        kind === "tools" ? items.filter((item) => Catalogue.isOffered(item.name, config)) : items

      /** Takes new lists for what is offered, and tells of what is new about them. */
      const adopt = Effect.fnUntraced(function* (lists: Catalogue.Lists) {
        const kinds = Catalogue.differences(SubscriptionRef.getUnsafe(state).catalogue.lists, lists)
        if (kinds.length === 0) return
        yield* update({ catalogue: shelf.shelve(lists) })
        publish({ _tag: "ListChanged", kinds })
      })

      const refresh = Effect.fnUntraced(function* (kinds: ReadonlyArray<Catalogue.Kind>) {
        const connection = current
        if (connection === undefined) return
        const lists: Record<Catalogue.Kind, ReadonlyArray<Catalogue.Item>> = {
          ...SubscriptionRef.getUnsafe(state).catalogue.lists
        }
        for (const kind of kinds) lists[kind] = offered(kind, yield* Listing.fetch(connection, kind, server))
        yield* adopt(lists)
      })

      const unsolicited = yield* Unsolicited.make({
        config,
        lane,
        publish,
        calls: () => current?.rpc.calls() ?? [],
        note: (text) => {
          if (SubscriptionRef.getUnsafe(state).note === text) return Effect.void
          return Effect.andThen(update({ note: text }), log.warning(`${server}: ${text}`, { server }))
        },
        refresh: (kinds) =>
          refresh(kinds).pipe(
            Effect.catch((error) => log.debug(`Refreshing lists failed: ${error.message}`, { server }))
          )
      })

      /** What a new connection must know that the old one knew. */
      const restore = Effect.fnUntraced(function* ({ peer, rpc }: Connection.Connection) {
        if (level !== undefined && peer.capabilities["logging"] !== undefined) {
          yield* rpc.request(Connection.encodeRequest("logging/setLevel", { level }))
        }
        for (const uri of watched.keys()) yield* rpc.request(Connection.encodeRequest("resources/subscribe", { uri }))
      })

      const start = Effect.fnUntraced(function* () {
        const began = yield* Clock.currentTimeMillis
        const connection = yield* Connection.open(config, lane, unsolicited)
        yield* restore(connection)
        const fetched = yield* Listing.fetchAll(connection, server)
        const lists = { ...fetched, tools: offered("tools", fetched.tools) }
        const startMillis = (yield* Clock.currentTimeMillis) - began
        current = connection
        yield* update({ peer: connection.peer, startMillis })
        yield* adopt(lists)
        const { name, revision, version } = connection.peer
        const offer = Catalogue.describe(Catalogue.counts(lists))
        yield* say(`${server} ready in ${startMillis} ms: ${offer} (${name} ${version}, ${revision})`, { server })
        return connection
      })

      const notReady = new ConnectionLost({
        reason: `it was not ready within ${Duration.format(config.startTimeout)} (startTimeout)`,
        unsent: false
      })

      const asLost = (error: RpcError): ConnectionLost =>
        error._tag === "ConnectionLost" ? error : new ConnectionLost({ reason: error.message, unsent: false })

      /** Until the connection is lost (failure) or its session expires (success). */
      const run = (onReady: Effect.Effect<void>): Effect.Effect<void, ConnectionLost, Connection.Platform> =>
        Effect.acquireUseRelease(
          Scope.make(),
          (own) =>
            start().pipe(
              Effect.timeoutOrElse({ duration: config.startTimeout, orElse: () => Effect.fail(notReady) }),
              Effect.mapError(asLost),
              Scope.provide(own),
              Effect.tap(onReady),
              Effect.flatMap(({ rpc }) => Effect.raceFirst(rpc.lost, rpc.expired))
            ),
          (own, exit) => {
            const connection = current
            current = undefined
            if (Exit.isFailure(exit) || connection === undefined) return Scope.close(own, exit)
            const idle = Effect.suspend(() =>
              connection.rpc.calls().length === 0 ? Effect.void : Effect.sleep(100)
            ).pipe(
              Effect.repeat({ while: () => connection.rpc.calls().length > 0 }),
              Effect.timeoutOption(EXPIRED_GRACE)
            )
            return Effect.forkIn(Effect.andThen(idle, Scope.close(own, exit)), scope)
          }
        )

      if (config.transport._tag === "Unusable") {
        yield* setStatus({ _tag: "Failed", reason: config.transport.reason })
      } else {
        const policy = RestartPolicy.of(config.restart, defaults.restartDelay)
        yield* Effect.forkScoped(Lifecycle.supervise({ policy, run, setStatus, wake }))
      }
      yield* Effect.addFinalizer(() => update({ status: Status.stopped }))

      /** Waits until the state is such. */
      const until = (holds: (now: UpstreamState) => boolean) =>
        Effect.asVoid(Stream.runHead(Stream.filter(SubscriptionRef.changes(state), holds)))

      const down = (status: Status.UpstreamStatus) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          Effect.fail(new UpstreamDown({ server, status: Status.describe(status, now) }))
        )

      const retry = Effect.suspend(() => {
        const { status } = SubscriptionRef.getUnsafe(state)
        if (status._tag !== "Failed" || config.transport._tag === "Unusable") return Effect.void
        return wake.open.pipe(
          Effect.andThen(until((now) => now.status !== status)),
          Effect.andThen(until((now) => now.status._tag !== "Starting"))
        )
      })

      /** The connection to use now. Waits for a start under way. */
      const ready: Effect.Effect<Connection.Connection, UpstreamDown> = Effect.suspend(() => {
        const { status } = SubscriptionRef.getUnsafe(state)
        if (current !== undefined && status._tag === "Ready") return Effect.succeed(current)
        if (status._tag !== "Starting" && status._tag !== "Ready") return down(status)
        return Effect.andThen(
          until((now) => now.status !== status),
          ready
        )
      })

      const translate = (error: Exclude<RpcError, SessionExpired>): UpstreamError => {
        switch (error._tag) {
          case "Silent":
            return new CallTimeout({ server, seconds: Duration.toSeconds(config.callTimeout) })
          case "MessageRefused":
            return new UpstreamRefused({ server, reason: error.reason })
          case "ConnectionLost":
            return error.unsent
              ? new UpstreamDown({ server, status: `unreachable: ${error.reason}` })
              : new OutcomeUnknown({ server, reason: error.reason })
        }
      }

      const send = (request: Outgoing, { peer, rpc }: Connection.Connection, handlers: CallHandlers) =>
        Effect.map(
          rpc.request((id) => request.encode(id, peer.era), handlers),
          (frame): Answered => ({ frame, era: peer.era })
        )

      const call = (request: Outgoing, handlers: CallHandlers) =>
        Effect.flatMap(Effect.andThen(retry, ready), (connection) =>
          send(request, connection, handlers).pipe(
            // The server did not act on it: a new session, and the same call once more.
            Effect.catchTag("SessionExpired", () =>
              connection.rpc.expire.pipe(
                Effect.andThen(until(() => current !== connection)),
                Effect.andThen(ready),
                Effect.flatMap((renewed) => send(request, renewed, handlers))
              )
            ),
            Effect.catchTag("SessionExpired", (error) =>
              Effect.fail(new UpstreamRefused({ server, reason: error.message }))
            ),
            Effect.mapError((error) =>
              error._tag === "UpstreamDown" || error._tag === "UpstreamRefused" ? error : translate(error)
            )
          )
        )

      const unwatch = (uri: string, session: SessionKey): boolean => {
        const sessions = watched.get(uri)
        sessions?.delete(session)
        if (sessions !== undefined && sessions.size > 0) return false
        watched.delete(uri)
        return true
      }

      return Upstream.of({
        config,
        lane,
        state,
        retry,
        settled: until(({ status }) => status._tag !== "Starting"),
        freshen: Effect.void,
        call,
        notify: (message) => Effect.suspend(() => Effect.ignore(current?.rpc.notify(message) ?? Effect.void)),
        watch: (uri, session) => {
          const sessions = watched.get(uri) ?? new Set()
          watched.set(uri, sessions.add(session))
        },
        unwatch,
        forget: (session) =>
          Effect.forEach(
            [...watched.keys()].filter((uri) => watched.get(uri)?.has(session) === true && unwatch(uri, session)),
            (uri) =>
              Effect.ignore(
                current?.rpc.request(Connection.encodeRequest("resources/unsubscribe", { uri })) ?? Effect.void
              ),
            { discard: true }
          ),
        setLogLevel: Effect.fnUntraced(function* (asked) {
          const verbose = (a: LogLevel, b: LogLevel) => (LOG_LEVELS.indexOf(a) < LOG_LEVELS.indexOf(b) ? a : b)
          const wanted = lane._tag === "Session" || level === undefined ? asked : verbose(asked, level)
          if (wanted === level) return
          level = wanted
          if (current?.peer.capabilities["logging"] === undefined) return
          yield* Effect.ignore(current.rpc.request(Connection.encodeRequest("logging/setLevel", { level })))
        })
      })
    })
  )
