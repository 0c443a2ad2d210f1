/** Streams on which modern clients hear of changes (2026-07-28, basic/patterns/subscriptions). */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { AccessPolicy } from "../access/AccessPolicy.ts"
import type { Kind } from "../domain/Catalogue.ts"
import { BadParams } from "../domain/Errors.ts"
import type { Request } from "../domain/ClientMessage.ts"
import * as Json from "../domain/Json.ts"
import * as ListenFilter from "../domain/ListenFilter.ts"
import { META } from "../domain/Protocol.ts"
import { SessionKey } from "../domain/ServerId.ts"
import * as ResourceUri from "../domain/ResourceUri.ts"
import * as Translate from "../domain/Translate.ts"
import type { Entry } from "../domain/View.ts"
import { Catalog } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import type { LaneEvent } from "../upstream/Upstream.ts"
import * as Answers from "./Answers.ts"
import type { Delivery, EventLog } from "./EventLog.ts"
import type { Requester } from "./Requester.ts"
import * as Router from "./Router.ts"
import { changedLists, changes, isOn } from "./Subscriptions.ts"
import * as Watching from "./Watching.ts"

/** One open stream. */
interface Listen {
  readonly requester: Requester
  /** The id of the request, which tells its messages from those of others. */
  readonly id: Uint8Array
  readonly key: SessionKey
  readonly stream: EventLog
  readonly filter: ListenFilter.Filter
  /** The lists that it is told of, as they were when it was last told. */
  readonly shown: Map<Kind, ReadonlyArray<Entry>>
}

export class Listens extends Context.Service<
  Listens,
  {
    /**
     * What there is to say on a stream: first what of the filter is honoured, then what happens, for as long as it is read.
     * Fails where the filter is none.
     */
    readonly open: (
      requester: Requester,
      request: Request,
      log: EventLog
    ) => Effect.Effect<Stream.Stream<Delivery>, BadParams>
    /** Ends those streams in good order. */
    readonly end: (which: (requester: Requester) => boolean) => void
  }
>()("mcp-proxy/gateway/Listens") {}

const notification = (id: Uint8Array, method: string, params: string): Uint8Array =>
  Json.join([
    Json.utf8(`{"jsonrpc":"2.0","method":"${method}","params":{${params}"_meta":{"${META.subscriptionId}":`),
    id,
    Json.utf8("}}}")
  ])

const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  const catalog = yield* Catalog
  const policy = yield* AccessPolicy
  const router = yield* Router.make
  const listens = new Set<Listen>()
  let opened = 0

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
    const filter: ListenFilter.Filter = { kinds, resources: watched.map(({ shown }) => shown) }
    return { filter, watched, known }
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
    if (event._tag !== "ResourceUpdated") return
    const uri = catalog.scheme(endpoint).uris === "prefixed" ? ResourceUri.toPublic(server, event.uri) : event.uri
    if (!listen.filter.resources.includes(uri)) return
    if (!catalog.mayUse(caller.principal, "resources", server, event.uri)) return
    listen.stream.append(Translate.forSubscription(event.frame, listen.id, uri))
  }

  yield* Stream.fromPubSub(fleet.events).pipe(
    Stream.runForEach((laneEvent) =>
      Effect.sync(() => {
        for (const listen of listens) if (isOn(listen.requester.caller, laneEvent)) tell(listen, laneEvent)
      })
    ),
    Effect.forkScoped
  )

  const finish = ({ id, stream }: Listen): void => {
    const body = [Json.utf8(`{"resultType":"complete","_meta":{"${META.subscriptionId}":`), id, Json.utf8("}}")]
    stream.append(Answers.result(id, body))
    stream.finish()
  }

  const end = (which: (requester: Requester) => boolean): void => {
    for (const listen of listens) if (which(listen.requester)) finish(listen)
  }

  // What somebody may see has changed: their lists perhaps with it, and whether there is anything at all.
  yield* Stream.runForEach(policy.changes, () =>
    Effect.sync(() => {
      end(({ caller, endpoint }) => !catalog.exists(endpoint, caller.principal))
      for (const listen of listens) tellLists(listen, listen.filter.kinds)
    })
  ).pipe(Effect.forkScoped)

  return Listens.of({
    end,
    open: Effect.fnUntraced(function* (requester, request, log) {
      const asked = ListenFilter.read(request.params?.values["notifications"])
      if (typeof asked === "string") return yield* new BadParams({ reason: asked })
      const { caller } = requester
      const { filter, known, watched } = yield* honoured(requester, asked)
      const key = SessionKey.make(`listen ${++opened}`)
      const agreed = `"notifications":${JSON.stringify(ListenFilter.encode(filter))},`
      log.append(notification(request.id, "notifications/subscriptions/acknowledged", agreed))
      const shown = new Map(filter.kinds.map((kind) => [kind, known.lists[kind]]))
      const listen: Listen = { requester, id: request.id, key, stream: log, filter, shown }
      const watch = ({ server, uri }: (typeof watched)[number]) =>
        Effect.gen(function* () {
          const upstream = yield* fleet.borrow(server, caller)
          yield* Effect.addFinalizer(() => Effect.ignore(Watching.unwatch(upstream, uri, key)))
          yield* Watching.watch(upstream, uri, key)
        }).pipe(Effect.ignore)
      return Stream.unwrap(
        Effect.gen(function* () {
          yield* Effect.acquireRelease(
            Effect.sync(() => listens.add(listen)),
            () => Effect.sync(() => listens.delete(listen))
          )
          yield* fleet.hold(caller)
          yield* Effect.forkScoped(Effect.forEach(watched, watch, { discard: true, concurrency: "unbounded" }))
          return log.read(0) ?? Stream.empty
        })
      )
    })
  })
})

export const layer: Layer.Layer<Listens, never, AccessPolicy | Fleet | Catalog> = Layer.effect(Listens, make)
