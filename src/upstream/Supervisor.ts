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
import { downWith, type UpstreamDown } from "../domain/Errors.ts"
import type { Lane } from "../domain/Lane.ts"
import { type Era, LOG_LEVELS, type LogLevel } from "../domain/Protocol.ts"
import type { ServerConfig } from "../domain/ServerConfig.ts"
import * as Status from "../domain/UpstreamStatus.ts"
import { logger } from "../observability/Logging.ts"
import { counter } from "../observability/Metrics.ts"
import * as Vital from "../observability/Vital.ts"
import * as Attached from "./Attached.ts"
import * as Calling from "./Calling.ts"
import * as Connection from "./Connection.ts"
import { EraVerdicts } from "./EraVerdicts.ts"
import * as Lifecycle from "./Lifecycle.ts"
import * as Listening from "./Listening.ts"
import * as Notes from "./Notes.ts"
import * as Offers from "./Offers.ts"
import * as RestartPolicy from "./RestartPolicy.ts"
import { Restraint } from "./Restraint.ts"
import type { RpcError } from "./Rpc.ts"
import * as Starting from "./Starting.ts"
import { asLost, ConnectionLost } from "./Transport.ts"
import * as Unsolicited from "./Unsolicited.ts"
import { Upstream, type UpstreamEvent, type UpstreamState } from "./Upstream.ts"
import * as UpstreamMetrics from "./UpstreamMetrics.ts"
import { Watched } from "./Watched.ts"

const log = logger("upstream")

/** How long a call whose session has expired waits for the next one. */
const RENEWAL = Duration.seconds(10)

/** How long a modern server is given to say whether it tells of changes, before its lists are fetched all the same. */
const LISTENING_PATIENCE = Duration.seconds(2)

/** A connection in use. */
interface Live extends Connection.Connection {
  readonly listening: Listening.Listening | undefined
}

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

/** What is noted of a server that does not answer pings. */
const UNANSWERED = "it does not answer pings, so it may hang without being replaced (ping: false spares it them)"

/** What a server under its former configuration was known to be: taken for true until its successor has said otherwise. */
export type Inherited = Pick<UpstreamState, "peer" | "catalogue" | "hints">

export interface Options {
  readonly config: ServerConfig
  readonly lane: Lane
  /** The lanes of a server share it. */
  readonly shelf: Catalogue.Shelf
  /** Shared with whatever answers as one with this connection. */
  readonly restraint?: Restraint | undefined
  readonly inherited?: Inherited | undefined
  /** Told what the server does of its own accord. */
  readonly publish: (event: UpstreamEvent) => void
}

/** A supervised connection for one lane of one server. */
export const layer = ({
  config,
  inherited,
  lane,
  publish,
  restraint = new Restraint(config.breaker),
  shelf
}: Options): Layer.Layer<Upstream, never, Connection.Platform | EraVerdicts> =>
  Layer.effect(
    Upstream,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      const defaults = yield* Defaults
      const state = yield* SubscriptionRef.make<UpstreamState>({ ...INITIAL, ...inherited })
      const wake = yield* Latch.make(false)
      const verdicts = yield* EraVerdicts
      let current: Live | undefined
      const watched = new Watched(() => current?.listening?.renew())
      /** Taken for granted at the next start, though nothing is proven. */
      let presumed: Era | undefined
      /** Was the connection lost before the present start? */
      let isBack = false
      let level: LogLevel | undefined
      const server = config.id
      const restarts = yield* counter(UpstreamMetrics.families.restarts)
      const failures = yield* counter(UpstreamMetrics.families.failures)
      restarts([server], 0)
      // What happens on the lanes of single sessions is everyday life; on the shared one it concerns everybody.
      const say = lane._tag === "Shared" ? log.info : log.debug
      const complain = lane._tag === "Shared" ? log.warning : log.debug

      const update = (change: Partial<UpstreamState>) =>
        SubscriptionRef.update(state, (before) => ({ ...before, ...change }))

      const wakeUp = () => void wake.openUnsafe()
      yield* Effect.addFinalizer(() => Effect.sync(() => restraint.forgo(wakeUp)))

      const setStatus = Effect.fnUntraced(function* (status: Status.UpstreamStatus) {
        yield* update({ status })
        const now = yield* Clock.currentTimeMillis
        const failure = Status.failureOf(status)
        if (failure !== undefined) failures([server, failure])
        if (status._tag === "BackingOff") restarts([server])
        const text = `${server} ${Status.describe(status, now)}`
        if (status._tag === "Failed") yield* log.error(text, { server, failure })
        // It carries no calls that would wake it where others have lanes of their own; what wakes it is their success.
        if (status._tag === "Failed" && lane._tag === "Shared") restraint.await(wakeUp)
        if (status._tag === "BackingOff") yield* complain(text, { server, failure })
      })

      const note = Notes.make(state, (text) => complain(`${server}: ${text}`, { server }))

      /** Waits until the state is such. */
      const until = (holds: (now: UpstreamState) => boolean) =>
        Effect.asVoid(Stream.runHead(Stream.filter(SubscriptionRef.changes(state), holds)))

      const offers = yield* Offers.make({
        config,
        state,
        shelf,
        publish,
        current: () => current,
        complain: (text) => complain(text, { server }),
        covers: (kind) => current?.listening?.covers(kind) === true,
        connected: Effect.repeat(
          Effect.andThen(
            until(() => current !== undefined),
            Effect.sync(() => current)
          ),
          {
            while: (live) => live === undefined
          }
        )
      })

      const unsolicited = yield* Unsolicited.make({
        config,
        lane,
        publish,
        calls: () => current?.rpc.calls() ?? [],
        lose: (why) => current?.rpc.lose(why) ?? Effect.void,
        note: (text) => note("questions", text),
        refresh: (kinds) =>
          offers
            .refresh(kinds)
            .pipe(Effect.catch((error) => log.debug(`Refreshing lists failed: ${error.message}`, { server })))
      })

      /** What a new connection must know that the old one knew; and of a modern server, that it tells of changes. */
      const restore = Effect.fnUntraced(function* (connection: Connection.Connection) {
        const { ask, peer } = connection
        if (peer.era === "modern") {
          const listening = yield* Listening.start({
            connection,
            wanted: () => watched,
            heard: unsolicited.notification,
            missed: unsolicited.changed,
            server
          })
          // Before the lists are fetched, so that no change of them falls in between.
          yield* Effect.timeoutOption(listening.settled, LISTENING_PATIENCE)
          return listening
        }
        if (level !== undefined && peer.capabilities["logging"] !== undefined) {
          yield* ask("logging/setLevel", { level })
        }
        for (const uri of watched.uris) yield* ask("resources/subscribe", { uri })
        return undefined
      })

      /** Has the server pinged where it is silent. */
      const keepWatch = ({ ping, rpc }: Connection.Connection): void => {
        if (config.ping === false) return
        rpc.watchOver({
          ping: Effect.tapErrorTag(ping, "MessageRefused", (refused) => Starting.heed(restraint, refused)),
          every: config.ping,
          within: config.pingTimeout,
          mayPing: Effect.map(Clock.currentTimeMillis, (now) => restraint.startHeldAt(now) === undefined),
          noteUnanswered: (isUnanswered) => note("pings", isUnanswered ? UNANSWERED : undefined)
        })
      }

      /** Opens a connection as the server is known to want it, and remembers what was found out about that. */
      const connect = Effect.gen(function* () {
        const remembered = config.era === "auto" ? yield* verdicts.recall(config) : undefined
        const era = config.era === "auto" ? (remembered ?? presumed) : config.era
        const connection = yield* Connection.open({
          config,
          lane,
          unrelated: unsolicited,
          era,
          endedAgain: () => {
            presumed = "legacy"
          }
        }).pipe(
          // A process that does not come up as it was remembered is asked again.
          Effect.onError(() =>
            remembered === "modern" && config.transport._tag === "Stdio" ? verdicts.forget(config) : Effect.void
          )
        )
        presumed = undefined
        const { learned } = connection
        keepWatch(connection)
        if (config.era === "auto" && learned !== undefined && learned !== remembered) {
          yield* verdicts.remember(config, learned)
        }
        return connection
      })

      const start = Effect.fnUntraced(function* () {
        const began = yield* Clock.currentTimeMillis
        const connection = yield* connect
        const listening = yield* restore(connection)
        const fetched = yield* offers.fetch(connection, Catalogue.KINDS)
        const startMillis = (yield* Clock.currentTimeMillis) - began
        const live: Live = { ...connection, listening }
        current = live
        // What has come to be watched meanwhile is listened for too.
        listening?.renew()
        yield* update({ peer: connection.peer, startMillis })
        yield* offers.adopt(fetched)
        const { name, revision, version } = connection.peer
        const offer = Catalogue.describe(
          Catalogue.counts(Catalogue.offered(SubscriptionRef.getUnsafe(state).catalogue.lists, config))
        )
        yield* say(`${server} ready in ${startMillis} ms: ${offer} (${name} ${version}, ${revision})`, { server })
        return live
      })

      const notReady = new ConnectionLost({
        reason: `it was not ready within ${Duration.format(config.startTimeout)} (startTimeout)`,
        unsent: false,
        ending: "silent"
      })

      const ofStart = (error: RpcError): ConnectionLost =>
        error._tag === "Silent"
          ? new ConnectionLost({ reason: "it does not answer", unsent: false, ending: "silent" })
          : asLost(error)

      const tryStart = Starting.restrained(
        start().pipe(
          Effect.timeoutOrElse({ duration: config.startTimeout, orElse: () => Effect.fail(notReady) }),
          Effect.mapError(ofStart)
        ),
        restraint,
        () => (config.transport._tag === "Stdio" ? "another" : isBack ? "gone before" : "before")
      )

      /** Until nothing can be sent any more (failure), or its session expires (success). */
      const run = (onReady: Effect.Effect<void>): Effect.Effect<void, ConnectionLost, Connection.Platform> =>
        Effect.acquireUseRelease(
          Scope.make(),
          (own) =>
            tryStart.pipe(
              Scope.provide(own),
              Effect.tap(onReady),
              Effect.flatMap(({ rpc }) => Effect.raceFirst(rpc.lost, rpc.expired))
            ),
          (own, exit) => {
            const connection = current
            current = undefined
            isBack = Exit.isFailure(exit)
            // What was in flight may be answered still, over other sockets than those that cannot be had any more.
            const calls = () => connection?.rpc.calls().length ?? 0
            if (calls() === 0 || Exit.hasInterrupts(exit)) return Scope.close(own, exit)
            const idle = Effect.suspend(() => (calls() === 0 ? Effect.void : Effect.sleep(100))).pipe(
              Effect.repeat({ while: () => calls() > 0 })
            )
            return Effect.forkIn(Effect.ensuring(idle, Scope.close(own, exit)), scope, { startImmediately: true })
          }
        )

      if (config.transport._tag === "Unusable") {
        const { reason } = config.transport
        yield* setStatus({ _tag: "Failed", failure: "configuration", reason, retryAt: undefined })
      } else {
        const policy = RestartPolicy.of(config.restart, defaults.restartDelay)
        const longest = RestartPolicy.longest(config.restart)
        const guarded = (onReady: Effect.Effect<void>) => Attached.guard(run(onReady), Effect.fail)
        yield* Vital.fork(
          `The supervision of ${server}`,
          Lifecycle.supervise({ policy, longest, run: guarded, setStatus, wake })
        )
      }
      yield* Effect.addFinalizer(() => update({ status: Status.stopped }))

      const down = (status: Status.UpstreamStatus) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(downWith(server, status, now)))

      const retry = Effect.suspend(() => {
        const { status } = SubscriptionRef.getUnsafe(state)
        if (status._tag !== "Failed" || config.transport._tag === "Unusable") return Effect.void
        const woken = wake.open.pipe(
          Effect.andThen(until((now) => now.status !== status)),
          Effect.andThen(until((now) => now.status._tag !== "Starting"))
        )
        const { retryAt = 0 } = status
        return Effect.flatMap(Clock.currentTimeMillis, (now) => (now < retryAt ? Effect.void : woken))
      })

      /** The connection, where it is one whose server is told of things beside calls. */
      const legacy = () => (current?.peer.era === "legacy" ? current : undefined)

      /** The connection, where calls may go there as it is. */
      const live = () => (SubscriptionRef.getUnsafe(state).status._tag === "Ready" ? current : undefined)

      /** The connection to use now. Waits for a start under way. */
      const ready: Effect.Effect<Live, UpstreamDown> = Effect.suspend(() => {
        const now = live()
        if (now !== undefined) return Effect.succeed(now)
        const { status } = SubscriptionRef.getUnsafe(state)
        if (status._tag !== "Starting" && status._tag !== "Ready") return down(status)
        return Effect.andThen(
          until((now) => now.status !== status),
          ready
        )
      })

      const connected = Effect.suspend(() => (live() === undefined ? Effect.andThen(retry, ready) : ready))
      const isAnother = ({ status }: UpstreamState, gone: Live) =>
        status._tag === "Ready" && current !== undefined && current !== gone
      const isOver = ({ status }: UpstreamState) => status._tag === "Failed" || status._tag === "Stopped"
      const call = Calling.make<Live>({
        config,
        restraint,
        tools: () => SubscriptionRef.getUnsafe(state).catalogue.lists.tools,
        refreshTools: Effect.ignore(Effect.timeout(offers.refresh(["tools"]), config.callTimeout)),
        live,
        connected,
        // Also where it takes more than one attempt to have it.
        renewed: (gone) =>
          until((now) => isOver(now) || isAnother(now, gone)).pipe(
            Effect.timeoutOption(RENEWAL),
            Effect.andThen(ready)
          ),
        returned: (gone) =>
          gone.rpc.isLost()
            ? Effect.andThen(
                until((now) => isOver(now) || isAnother(now, gone)),
                connected
              )
            : ready,
        held: (text) => log.warning(`${server} is ${text}`, { server }),
        resumed: log.info(`${server} is called again`, { server })
      })

      return Upstream.of({
        config,
        lane,
        state,
        restraint,
        retry,
        settled: until(({ status }) => status._tag !== "Starting"),
        freshen: offers.freshen,
        isFresh: offers.isFresh,
        call,
        notify: (message) => Effect.suspend(() => Effect.ignore(legacy()?.rpc.notify(message) ?? Effect.void)),
        watch: (uri, session) => watched.watch(uri, session),
        hears: (uri) =>
          Effect.andThen(
            until(({ status }) => status._tag === "Ready"),
            Effect.suspend(() => current?.listening?.hears(uri) ?? Effect.never)
          ),
        unwatch: (uri, session) => watched.unwatch(uri, session),
        followTask: (taskId) => watched.follow(taskId),
        unfollowTask: (taskId) => watched.unfollow(taskId),
        forget: (session) =>
          Effect.suspend(() =>
            Effect.forEach(
              watched.forget(session),
              (uri) => Effect.ignore(legacy()?.ask("resources/unsubscribe", { uri }) ?? Effect.void),
              { discard: true }
            )
          ),
        setLogLevel: Effect.fnUntraced(function* (asked) {
          const verbose = (a: LogLevel, b: LogLevel) => (LOG_LEVELS.indexOf(a) < LOG_LEVELS.indexOf(b) ? a : b)
          const wanted = lane._tag === "Session" || level === undefined ? asked : verbose(asked, level)
          if (wanted === level) return
          level = wanted
          const connection = legacy()
          if (connection?.peer.capabilities["logging"] === undefined) return
          yield* Effect.ignore(connection.ask("logging/setLevel", { level }))
        })
      })
    })
  )
