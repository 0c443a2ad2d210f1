/** Streams on which modern clients hear of changes (2026-07-28, basic/patterns/subscriptions). */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Deferred from "effect/Deferred"
import * as Function from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import type { Kind } from "../domain/Catalogue.ts"
import type { Holding } from "../domain/ByteBudget.ts"
import { BadParams, LimitReached } from "../domain/Errors.ts"
import type { Request } from "../domain/ClientMessage.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import * as Lane from "../domain/Lane.ts"
import * as ListenFilter from "../domain/ListenFilter.ts"
import { META } from "../domain/Protocol.ts"
import { type ServerId, SessionKey } from "../domain/ServerId.ts"
import * as ResourceUri from "../domain/ResourceUri.ts"
import * as Translate from "../domain/Translate.ts"
import type { Entry } from "../domain/View.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import type { RootKey } from "../keys/RootKey.ts"
import * as Vital from "../observability/Vital.ts"
import type { LaneEvent } from "../upstream/Upstream.ts"
import * as Answers from "./Answers.ts"
import type { Delivery, EventLog } from "./EventLog.ts"
import type { Requester } from "./Requester.ts"
import * as Router from "./Router.ts"
import * as Tasks from "./Tasks.ts"
import { changedLists, changes } from "./Subscriptions.ts"
import * as Watching from "./Watching.ts"

/** How long servers have to say whether they tell of a resource, before the client is told what it will hear of. */
const ACKNOWLEDGEMENT = "500 millis"

/** More than any client opens. */
const MAX_OPEN = 64

const taskKey = (server: ServerId, task: string): string => JSON.stringify([server, task])

/** One open stream. */
interface Listen {
  readonly requester: Requester
  /** The id of the request, which tells its messages from those of others. */
  readonly id: Uint8Array
  readonly stream: EventLog
  readonly filter: ListenFilter.Filter
  /** The tasks that it follows, as its client knows them, by server and the server's own id. */
  readonly tasks: ReadonlyMap<string, string>
  /** The lists that it is told of, as they were when it was last told. */
  readonly shown: Map<Kind, ReadonlyArray<Entry>>
}

export class Listens extends Context.Service<
  Listens,
  {
    /**
     * What there is to say on a stream: first what of the filter is honoured, then what happens, for as long as it is read.
     * Fails where the filter is none, and where this requester has too many open. `onItsWay` is that of `EventLog.read`.
     */
    readonly open: (
      requester: Requester,
      request: Request,
      log: EventLog,
      onItsWay?: Holding
    ) => Effect.Effect<Stream.Stream<Delivery>, BadParams | LimitReached>
    /** Ends those streams in good order. */
    readonly end: (which: (requester: Requester) => boolean) => void
    /** Ends all of them, and those that are opened from now on as soon as they are. */
    readonly close: () => void
  }
>()("mcp-proxy/gateway/Listens") {}

const notification = (id: Uint8Array, method: string, params: string): Uint8Array =>
  Pieces.join([
    Json.utf8(`{"jsonrpc":"2.0","method":"${method}","params":{${params}"_meta":{"${META.subscriptionId}":`),
    id,
    Json.utf8("}}}")
  ])

const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  const catalog = yield* Catalog
  const policy = yield* AccessPolicy
  const router = yield* Router.make
  const tasks = yield* Tasks.make
  const listens = new Set<Listen>()
  let opened = 0
  let isClosed = false

  /** What of a filter can be honoured: by servers that declare it, for who may see it. */
  const honoured = Effect.fnUntraced(function* (requester: Requester, asked: ListenFilter.Filter) {
    const { caller, endpoint } = requester
    const known = catalog.known(endpoint, caller)
    const { servers } = catalog.section(endpoint, caller.principal)
    const declares = (name: string) => catalog.declares(endpoint, caller, name)
    const owners = yield* Effect.forEach(asked.resources, (uri) =>
      Effect.map(Effect.option(router.byUri(requester, uri)), (owner) =>
        owner._tag === "Some" && servers.includes(owner.value.server) ? [{ shown: uri, ...owner.value }] : []
      )
    )
    const watched = owners.flat()
    const kinds = asked.kinds.filter((kind) => declares(ListenFilter.CAPABILITY[kind]))
    const followed = yield* Effect.forEach(asked.tasks, (id) =>
      Effect.map(tasks.open(requester, id), (found) => (found._tag === "Some" ? [{ id, ...found.value }] : []))
    )
    const filter: ListenFilter.Filter = {
      kinds,
      resources: watched.map(({ shown }) => shown),
      tasks: followed.flat().map(({ id }) => id)
    }
    return { filter, watched, followed: followed.flat(), known }
  })

  const tellLists = ({ id, requester, shown, stream }: Listen, kinds: ReadonlyArray<Kind>): void => {
    const changed = changedLists(catalog, requester, shown, kinds)
    for (const kind of changed) shown.set(kind, catalog.known(requester.endpoint, requester.caller).lists[kind])
    for (const method of changes(changed)) stream.append(notification(id, method, ""))
  }

  const tell = (listen: Listen, { event, server }: LaneEvent): void => {
    const { caller, endpoint } = listen.requester
    if (event._tag === "ListChanged") {
      tellLists(listen, event.kinds)
      return
    }
    if (event._tag === "TaskChanged") {
      const name = listen.tasks.get(taskKey(server, event.taskId))
      if (name !== undefined) {
        listen.stream.append(Translate.forSubscription(event.frame, listen.id, { key: "taskId", name }))
      }
      return
    }
    if (event._tag !== "ResourceUpdated") return
    const uri = catalog.scheme(endpoint).uris === "prefixed" ? ResourceUri.toPublic(server, event.uri) : event.uri
    if (!listen.filter.resources.includes(uri)) return
    if (!catalog.mayUse(caller.principal, "resources", server, event.uri)) return
    listen.stream.append(Translate.forSubscription(event.frame, listen.id, { key: "uri", name: uri }))
  }

  const events = Stream.fromSubscription(yield* PubSub.subscribe(fleet.events))
  yield* Vital.fork(
    "The dispatch of servers' events to streams of changes",
    Stream.runForEach(events, (laneEvent) =>
      Effect.sync(() => {
        for (const listen of listens) if (Lane.serves(laneEvent.lane, listen.requester.caller)) tell(listen, laneEvent)
      })
    )
  )

  const finish = ({ id, stream }: Listen): void => {
    const body = [Json.utf8(`{"resultType":"complete","_meta":{"${META.subscriptionId}":`), id, Json.utf8("}}")]
    stream.append(Pieces.join(Answers.result(id, body)))
    stream.finish()
  }

  const end = (which: (requester: Requester) => boolean): void => {
    for (const listen of listens) if (which(listen.requester)) finish(listen)
  }

  const views = Stream.merge(
    Stream.map(policy.changes, Function.constVoid),
    Stream.map(fleet.changes, Function.constVoid)
  )
  // What somebody may see has changed: their lists perhaps with it, and whether there is anything at all.
  yield* Vital.fork(
    "Telling streams of changes of a new view",
    Stream.runForEach(views, () =>
      Effect.sync(() => {
        end(({ caller, endpoint }) => !catalog.exists(endpoint, caller.principal))
        for (const listen of listens) tellLists(listen, listen.filter.kinds)
      })
    )
  )

  return Listens.of({
    end,
    close: () => {
      isClosed = true
      end(() => true)
    },
    open: Effect.fnUntraced(function* (requester, request, log, onItsWay) {
      const asked = ListenFilter.read(request.params?.get("notifications"))
      if (typeof asked === "string") return yield* new BadParams({ reason: asked })
      const own = [...listens].filter((one) => one.requester.key === requester.key).length
      if (own >= MAX_OPEN) return yield* new LimitReached({ limit: `${MAX_OPEN} streams of changes are open already` })
      const { caller } = requester
      const { filter, followed, known, watched } = yield* honoured(requester, asked)
      const key = SessionKey.make(`listen ${++opened}`)
      const shown = new Map(filter.kinds.map((kind) => [kind, known.lists[kind]]))
      /** Watches for as long as the scope lives, whatever connection the server has; gives whether it tells of changes. */
      const watch = Effect.fnUntraced(function* ({ server, uri: own }: (typeof watched)[number]) {
        const tells = yield* Deferred.make<boolean>()
        yield* fleet
          .attend(server, caller, (upstream) =>
            Effect.gen(function* () {
              yield* Effect.addFinalizer(() => Effect.ignore(Watching.unwatch(upstream, own, key)))
              yield* Deferred.succeed(tells, yield* Watching.watch(upstream, own, key))
            })
          )
          .pipe(
            Effect.catch(() => Deferred.succeed(tells, false)),
            Effect.forkScoped
          )
        return tells
      })
      const follow = (server: ServerId, task: string) =>
        fleet
          .attend(server, caller, (upstream) =>
            Effect.acquireRelease(
              Effect.sync(() => upstream.followTask(task)),
              () => Effect.sync(() => upstream.unfollowTask(task))
            )
          )
          .pipe(Effect.ignore, Effect.forkScoped)
      return Stream.unwrap(
        Effect.gen(function* () {
          yield* fleet.hold(caller)
          for (const { server, task } of followed) yield* follow(server, task)
          const refused = new Set<string>()
          yield* Effect.forEach(
            watched,
            Effect.fnUntraced(function* (one) {
              const tells = yield* Effect.timeoutOption(Deferred.await(yield* watch(one)), ACKNOWLEDGEMENT)
              if (Option.isSome(tells) && !tells.value) refused.add(one.shown)
            }),
            { concurrency: "unbounded", discard: true }
          )
          const honoured = { ...filter, resources: filter.resources.filter((uri) => !refused.has(uri)) }
          const agreed = `"notifications":${JSON.stringify(ListenFilter.encode(honoured))},`
          log.append(notification(request.id, "notifications/subscriptions/acknowledged", agreed))
          const listen: Listen = {
            requester,
            id: request.id,
            stream: log,
            filter: honoured,
            tasks: new Map(followed.map(({ id, server, task }) => [taskKey(server, task), id])),
            shown
          }
          yield* Effect.acquireRelease(
            Effect.sync(() => listens.add(listen)),
            () => Effect.sync(() => listens.delete(listen))
          )
          if (isClosed) finish(listen)
          return log.read(0, onItsWay) ?? Stream.empty
        })
      )
    })
  })
})

export const layer: Layer.Layer<Listens, never, AccessPolicy | Fleet | Catalog | RootKey> = Layer.effect(Listens, make)
