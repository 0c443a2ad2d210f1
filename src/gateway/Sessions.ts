/** Legacy sessions: their ids are sealed, so that a session outlives the process that began it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Iterable from "effect/Iterable"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { randomBytes } from "node:crypto"
import { LimitReached } from "../domain/Errors.ts"
import { type Caller, carried } from "../domain/Lane.ts"
import type { Owner } from "../domain/Owner.ts"
import { type Principal, sameAccount } from "../domain/Principal.ts"
import { type Capabilities, LEGACY_REVISIONS, type LegacyRevision, LOG_LEVELS } from "../domain/Protocol.ts"
import { Quota, type QuotaBounds } from "../domain/Quota.ts"
import { ServerId, SessionKey, Subject } from "../domain/ServerId.ts"
import { TextMap } from "../domain/TextMap.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import * as Seal from "../keys/Seal.ts"
import type { RootKey } from "../keys/RootKey.ts"
import { logger } from "../observability/Logging.ts"
import { expose } from "../observability/Metrics.ts"
import * as Vital from "../observability/Vital.ts"
import * as Setting from "../settings/Setting.ts"
import { Store, type StoreError } from "../storage/Store.ts"
import { Buffers } from "../upstream/Bounds.ts"
import * as GatewayMetrics from "./GatewayMetrics.ts"
import type { ClientName } from "./Requester.ts"
import { Session } from "./Session.ts"

const log = logger("gateway")

export const settings = {
  most: Setting.integer({
    name: "MCP_MAX_SESSIONS",
    description:
      "How many sessions are held in memory. Beyond that the longest idle one waits in its sealed id for its next use.",
    fallback: 10_000,
    minimum: 1,
    maximum: 1_000_000
  }),
  mostOfOne: Setting.integer({
    name: "MCP_MAX_SESSIONS_PER_USER",
    description: "How many of them may be one person's.",
    fallback: 1000,
    minimum: 1,
    maximum: 1_000_000
  })
}

/** How many sessions are held in memory. */
export const SessionBounds = Context.Reference<QuotaBounds>("mcp-proxy/gateway/Sessions/SessionBounds", {
  defaultValue: () => ({ most: settings.most.absent, mostOfOne: settings.mostOfOne.absent })
})

/** What a session id seals. */
const Sealed = Schema.Struct({
  key: SessionKey,
  subject: Subject,
  /** `undefined`: the merged endpoint. */
  server: Schema.optionalKey(ServerId),
  revision: Schema.Literals(LEGACY_REVISIONS),
  client: Schema.Struct({ name: Schema.String, version: Schema.optional(Schema.String) }),
  capabilities: Schema.Record(Schema.String, Schema.Unknown),
  /** Epoch milliseconds. */
  created: Schema.Finite
})
type Sealed = typeof Sealed.Type

/** What changes during a session, kept in the Store under its key. */
const Row = Schema.fromJsonString(
  Schema.Struct({
    deleted: Schema.Boolean,
    lastUsed: Schema.Finite,
    logLevel: Schema.optionalKey(Schema.Literals(LOG_LEVELS)),
    watched: Schema.Array(Schema.String)
  })
)
const encodeRow = Schema.encodeSync(Row)
const decodeRow = Schema.decodeOption(Row)

const TABLE = "sessions"

/** A session that is not used for so long ends; a standing stream counts as use. */
export const IDLE = Duration.hours(24)

/** How stale the stored time of last use may be. */
const TOUCH = Duration.minutes(15)

/** The sessions stand in the order of their last use, but for so many milliseconds. */
const PLACED = 1000

/** A sealed id travels in a header of every request. */
const MAX_ID_LENGTH = 6 * 1024

/** The client declared more about itself than fits into a session id. */
export class SessionTooLarge extends Schema.TaggedError<SessionTooLarge>()("SessionTooLarge", {}) {
  override get message(): string {
    return "The client's capabilities are too large for a session; leave out what is experimental"
  }
}

export class Sessions extends Context.Service<
  Sessions,
  {
    readonly begin: (options: {
      readonly principal: Principal
      readonly endpoint: Endpoint
      readonly revision: LegacyRevision
      readonly client: ClientName
      readonly capabilities: Capabilities
    }) => Effect.Effect<Session, SessionTooLarge | LimitReached>
    /**
     * The session of an id, for who may use it: the same principal at the same endpoint. None means 404. Fails where it is
     * to be taken up again, and there is no room for it.
     */
    readonly find: (
      id: string,
      principal: Principal,
      endpoint: Endpoint
    ) => Effect.Effect<Option.Option<Session>, LimitReached>
    /** The session of an id, as far as this process knows it, whoever asks. */
    readonly known: (id: string) => Session | undefined
    /** Ends a session for good: on return that would survive a crash. Where it would not, the session goes on. */
    readonly end: (session: Session) => Effect.Effect<void, StoreError>
    /** The sessions that an earlier process had begun, as each comes back. */
    readonly revived: PubSub.PubSub<Session>
    /** Keeps what changed about a session for another process to find. */
    readonly save: (session: Session) => Effect.Effect<void>
    /** The sessions that this process knows. */
    readonly all: () => Iterable<Session>
  }
>()("mcp-proxy/gateway/Sessions") {
  static readonly layer: Layer.Layer<Sessions, never, Fleet | RootKey | Store> = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const store = yield* Store
      const fleet = yield* Fleet
      const seal = yield* Seal.make("session", Sealed)
      const buffers = yield* Buffers
      const bounds = yield* SessionBounds
      const held = new Quota(bounds)
      const sessions = new TextMap<Session>()
      const all = () => Iterable.map(sessions, ([, session]) => session)
      yield* expose(GatewayMetrics.families.sessions, () => sessions.size)

      const revived = yield* PubSub.unbounded<Session>()

      const write = (session: Session, deleted: boolean) =>
        store.put(
          TABLE,
          {
            key: session.key,
            value: encodeRow({
              deleted,
              lastUsed: session.lastUsed,
              watched: [...session.watched],
              ...(session.logLevel === undefined ? {} : { logLevel: session.logLevel })
            })
          },
          // A tombstone has to outlive every way in which the id could still be taken for a live one.
          Duration.sum(IDLE, TOUCH)
        )

      /** What a call that outlived its session has to say of it must not undo its end. */
      const save = (session: Session): Effect.Effect<void> =>
        Effect.suspend(() => (session.hasEnded ? Effect.void : write(session, false))).pipe(
          Effect.catch((error) => log.warning(error.message))
        )

      const end = (session: Session): Effect.Effect<void, StoreError> =>
        Effect.suspend(() => {
          session.hasEnded = true
          return Effect.onError(write(session, true), () => Effect.sync(() => (session.hasEnded = false)))
        }).pipe(
          Effect.andThen(Effect.suspend(() => forget(session))),
          // Whoever asked for it may leave meanwhile.
          Effect.uninterruptible
        )

      const endpointOf = (sealed: Sealed): Endpoint =>
        sealed.server === undefined ? { _tag: "All" } : { _tag: "One", server: sealed.server }

      const callerOf = (sealed: Sealed, principal: Principal): Caller & { readonly session: SessionKey } => ({
        principal,
        session: sealed.key,
        capabilities: sealed.capabilities,
        revision: sealed.revision
      })

      /** A session that another process began, if it is still one. */
      const revive = Effect.fnUntraced(function* (id: string, principal: Principal) {
        if (id.length > MAX_ID_LENGTH) return Option.none<Session>()
        const opened = yield* seal.open(id)
        if (Option.isNone(opened) || opened.value.subject !== principal.subject) return Option.none<Session>()
        const sealed = opened.value
        const read = yield* Effect.result(store.get(TABLE, sealed.key))
        if (Result.isFailure(read)) {
          // It may have been deleted. To begin anew costs its client little.
          yield* log.warning(`A session is not taken up again: ${read.failure.message}`)
          return Option.none<Session>()
        }
        const row = Option.flatMap(read.success, decodeRow)
        const now = yield* Clock.currentTimeMillis
        const lastUsed = Option.match(row, { onNone: () => sealed.created, onSome: (found) => found.lastUsed })
        const isDeleted = Option.exists(row, ({ deleted }) => deleted)
        if (isDeleted || now - lastUsed > Duration.toMillis(IDLE)) return Option.none<Session>()
        const session = new Session(id, callerOf(sealed, principal), endpointOf(sealed), sealed.client, now, buffers)
        yield* makeRoom(session.owner)
        const raced = sessions.get(id)
        if (raced !== undefined) return Option.some(raced)
        session.savedAt = lastUsed
        if (Option.isSome(row)) {
          session.logLevel = row.value.logLevel
          for (const uri of row.value.watched) session.watched.add(uri)
        }
        hold(session)
        PubSub.publishUnsafe(revived, session)
        return Option.some(session)
      })

      const clock = yield* Clock.Clock

      /** It is used now. True: that is to be saved. */
      const touch = (session: Session): boolean => {
        const now = clock.currentTimeMillisUnsafe()
        session.lastUsed = now
        if (now - session.placedAt >= PLACED && sessions.delete(session.id)) {
          session.placedAt = now
          sessions.set(session.id, session)
        }
        if (now - session.savedAt < Duration.toMillis(TOUCH)) return false
        session.savedAt = now
        return true
      }

      /** The session as used now, if it is this principal's and of this endpoint. */
      const use = (
        session: Session,
        principal: Principal,
        endpoint: Endpoint
      ): Effect.Effect<Option.Option<Session>> => {
        const { caller } = session
        if (caller.principal.subject !== principal.subject || !sameEndpoint(session.endpoint, endpoint)) {
          return Effect.succeedNone
        }
        // The session is its subject's; what else is known of them is as of this request.
        if (!sameAccount(caller.principal, principal)) session.caller = { ...caller, principal }
        return touch(session) ? Effect.as(save(session), Option.some(session)) : Effect.succeedSome(session)
      }

      const sameEndpoint = (a: Endpoint, b: Endpoint): boolean =>
        a._tag === "All" ? b._tag === "All" : b._tag === "One" && a.server === b.server

      const hold = (session: Session): void => {
        sessions.set(session.id, session)
        held.add(session.owner)
      }

      /**
       * Lets go of the session that has been idle longest, of this owner where theirs are too many; its id keeps all that
       * is needed to take it up again.
       */
      const makeRoom = Effect.fnUntraced(function* (owner: Owner | undefined) {
        for (let reached = held.reached(owner); reached !== undefined; reached = held.reached(owner)) {
          const isTheirs = reached === "mostOfOne"
          const oldest = Iterable.findFirst(
            all(),
            (one) => one.calls.size === 0 && one.listening === undefined && (!isTheirs || one.owner === owner)
          )
          if (Option.isNone(oldest)) {
            return yield* new LimitReached({
              limit: isTheirs
                ? `All ${bounds.mostOfOne} sessions that you may have are in use (${settings.mostOfOne.name})`
                : `All ${bounds.most} sessions are in use (${settings.most.name})`
            })
          }
          // What changed of it is kept already, and when it was used as exactly as it ever is.
          yield* forget(oldest.value)
        }
      })

      const forget = Effect.fnUntraced(function* (session: Session) {
        if (sessions.delete(session.id)) held.remove(session.owner)
        session.dismiss()
        yield* fleet.release(session.key)
      })

      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const session of all()) session.dismiss()
        })
      )

      const sweep = Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.forEach(
          [...all()],
          (session) => {
            if (session.listening !== undefined || session.calls.size > 0) {
              return touch(session) ? save(session) : Effect.void
            }
            return now - session.lastUsed > Duration.toMillis(IDLE) ? forget(session) : Effect.void
          },
          { discard: true }
        )
      )
      yield* Vital.fork("The sweep over sessions", Effect.repeat(sweep, Schedule.spaced("1 minute")))

      return Sessions.of({
        begin: Effect.fnUntraced(function* ({ capabilities, client, endpoint, principal, revision }) {
          const now = yield* Clock.currentTimeMillis
          const sealed: Sealed = {
            key: SessionKey.make(randomBytes(16).toString("base64url")),
            subject: principal.subject,
            revision,
            client: { name: client.name.slice(0, 200), version: client.version?.slice(0, 100) },
            capabilities: carried(capabilities),
            created: now,
            ...(endpoint._tag === "One" ? { server: endpoint.server } : {})
          }
          const id = yield* seal.seal(sealed)
          if (id.length > MAX_ID_LENGTH) return yield* new SessionTooLarge()
          const session = new Session(id, callerOf(sealed, principal), endpoint, sealed.client, now, buffers)
          yield* makeRoom(session.owner)
          hold(session)
          return session
        }),
        find: (id, principal, endpoint) => {
          const known = sessions.get(id)
          if (known !== undefined) return use(known, principal, endpoint)
          return Effect.flatMap(
            revive(id, principal),
            Option.match({
              onNone: () => Effect.succeedNone,
              onSome: (revived) => use(revived, principal, endpoint)
            })
          )
        },
        end,
        revived,
        save,
        known: (id) => sessions.get(id),
        all
      })
    })
  )
}
