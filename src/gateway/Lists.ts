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
import type { Entry } from "../domain/View.ts"
import { Catalog } from "../fleet/Catalog.ts"
import * as Answers from "./Answers.ts"
import type { Session } from "./Session.ts"

const COMMA = Json.utf8(",")

/** The list that a method asks for. */
export const kindOf = (method: string): Catalogue.Kind | undefined =>
  Catalogue.KINDS.find((kind) => Catalogue.LIST[kind].method === method)

/** One page as the body of a result. */
const encodePage = (kind: Catalogue.Kind, page: ReadonlyArray<Entry>, next: string | undefined): Array<Uint8Array> => {
  const pieces = [Json.utf8(`{"${kind}":[`)]
  page.forEach(({ bytes }, index) => {
    if (index > 0) pieces.push(COMMA)
    pieces.push(bytes)
  })
  pieces.push(Json.utf8(next === undefined ? "]}" : `],"nextCursor":${JSON.stringify(next)}}`))
  return pieces
}

export const make = (listWait: Duration.Duration, pageSize: number) =>
  Effect.gen(function* () {
    const catalog = yield* Catalog

    /** What is left of the time that a session's first list may wait for servers on their first start. */
    const patience = (session: Session): Effect.Effect<Duration.Duration> =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        session.firstList ??= now
        return Duration.millis(Math.max(0, session.firstList + Duration.toMillis(listWait) - now))
      })

    const start = (request: Request, entries: ReadonlyArray<Entry>): Effect.Effect<number, BadParams> => {
      const cursor = request.params?.values["cursor"]
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

    const answer = Effect.fnUntraced(function* (session: Session, request: Request, kind: Catalogue.Kind) {
      const view = yield* catalog.complete(session.endpoint, session.caller, yield* patience(session))
      const entries = view.lists[kind]
      session.shown.set(kind, entries)
      const from = yield* start(request, entries)
      const to = Math.min(entries.length, from + pageSize)
      const last = entries[to - 1]
      const next =
        to < entries.length && last !== undefined ? Cursor.encode({ index: to, after: last.name }) : undefined
      return Answers.result(request.id, encodePage(kind, entries.slice(from, to), next))
    })

    return { answer, patience }
  })
