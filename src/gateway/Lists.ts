/** The merged lists, page by page, from memory. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Catalogue from "../domain/Catalogue.ts"
import type { Request } from "../domain/ClientMessage.ts"
import * as Cursor from "../domain/Cursor.ts"
import { BadParams } from "../domain/Errors.ts"
import * as Json from "../domain/Json.ts"
import * as Pieces from "../domain/Pieces.ts"
import type { Entry } from "../domain/View.ts"
import type { Hint } from "../domain/Caching.ts"
import { rememberingOf } from "../domain/Remembering.ts"
import * as LegacyShapes from "../domain/LegacyShapes.ts"
import { Catalog } from "../fleet/Catalog.ts"
import * as Answers from "./Answers.ts"
import type { Exchange } from "./Exchange.ts"
import type { Requester } from "./Requester.ts"

const COMMA = Json.utf8(",")

const BY_METHOD = new Map<string, Catalogue.Kind>(Catalogue.KINDS.map((kind) => [Catalogue.LIST[kind].method, kind]))

/** The list that a method asks for. */
export const kindOf = (method: string): Catalogue.Kind | undefined => BY_METHOD.get(method)

/** What modern clients are told besides (2026-07-28, server/utilities/caching). */
const ending = ({ cacheScope, ttlMs }: Hint): string =>
  `"resultType":"complete","ttlMs":${ttlMs},"cacheScope":"${cacheScope}","_meta":${Answers.IDENTITY}`

/** Encodes entries one behind the other, each as it is shown; whole lists once, for they are asked for far more often than they change. */
const encoder = (show: (entry: Uint8Array) => Uint8Array) => {
  const part = (entries: ReadonlyArray<Entry>): Uint8Array =>
    Pieces.join(entries.flatMap(({ bytes }, index) => (index === 0 ? [show(bytes)] : [COMMA, show(bytes)])))
  return { part, whole: rememberingOf(part) }
}

const asTheyAre = encoder((bytes) => bytes)
const legacyTools = encoder(LegacyShapes.tool)

/** One page as the body of a result. */
const encodePage = (
  kind: Catalogue.Kind,
  entries: Uint8Array,
  next: string | undefined,
  hint: Hint | undefined
): Pieces.Parts => {
  const more = [
    ...(next === undefined ? [] : [`"nextCursor":${JSON.stringify(next)}`]),
    ...(hint === undefined ? [] : [ending(hint)])
  ]
  return [`{"${kind}":[`, entries, `]${more.map((member) => `,${member}`).join("")}}`]
}

export const make = (listWait: Duration.Duration, pageSize: () => number) =>
  Effect.gen(function* () {
    const catalog = yield* Catalog
    const clock = yield* Clock.Clock

    /** When somebody's first list was asked for, in epoch milliseconds. Forgotten with whoever asked for it. */
    const firstLists = new WeakMap<Requester, number>()

    /** What is left of the time that a requester's first list may wait for servers on their first start. */
    const patience = (requester: Requester): Duration.Duration => {
      const now = clock.currentTimeMillisUnsafe()
      const known = firstLists.get(requester)
      if (known === undefined) firstLists.set(requester, now)
      return Duration.millis(Math.max(0, (known ?? now) + Duration.toMillis(listWait) - now))
    }

    const start = (request: Request, entries: ReadonlyArray<Entry>): Effect.Effect<number, BadParams> => {
      const cursor = request.params?.get("cursor")
      if (cursor === undefined || cursor === null) return Effect.succeed(0)
      return Option.match(Cursor.decode(cursor), {
        onNone: () => Effect.fail(new BadParams({ reason: "Invalid cursor" })),
        onSome: (position) =>
          Effect.succeed(
            Cursor.resume(
              entries.map(({ name }) => name),
              position
            )
          )
      })
    }

    const pageOf = (
      { era, request, requester, session }: Exchange,
      kind: Catalogue.Kind,
      entries: ReadonlyArray<Entry>
    ): Effect.Effect<Pieces.Parts, BadParams> => {
      session?.shown.set(kind, entries)
      return Effect.mapEager(start(request, entries), (from) => {
        const to = Math.min(entries.length, from + pageSize())
        const last = entries[to - 1]
        const next =
          to < entries.length && last !== undefined ? Cursor.encode({ index: to, after: last.name }) : undefined
        const hint = era === "modern" ? catalog.hint(requester.endpoint, requester.caller, kind) : undefined
        const { part, whole } = era === "legacy" && kind === "tools" ? legacyTools : asTheyAre
        const page = from === 0 && to === entries.length ? whole(entries) : part(entries.slice(from, to))
        return encodePage(kind, page, next, hint)
      })
    }

    /** The list that is asked for, as the body of a result. */
    const answer = (exchange: Exchange, kind: Catalogue.Kind): Effect.Effect<Pieces.Parts, BadParams> => {
      const { caller, endpoint } = exchange.requester
      return Effect.flatMapEager(catalog.complete(endpoint, caller, patience(exchange.requester)), ({ lists }) =>
        pageOf(exchange, kind, lists[kind])
      )
    }

    return { answer, patience }
  })
