/** Fetching a server's lists, all pages of them. */
import * as Effect from "effect/Effect"
import * as Catalogue from "../domain/Catalogue.ts"
import * as Frame from "../domain/Frame.ts"
import { logger } from "../observability/Logging.ts"
import type { Connection } from "./Connection.ts"
import { errorOf } from "./Message.ts"
import type { Hint } from "../domain/Caching.ts"

const log = logger("upstream")

/** More pages than any list has; a server that never stops is stopped here. */
const MAX_PAGES = 1000

const supports = (connection: Connection, kind: Catalogue.Kind): boolean =>
  connection.peer.capabilities[Catalogue.LIST[kind].capability] !== undefined

/** What came of fetching a list. */
export interface Fetched {
  readonly items: ReadonlyArray<Catalogue.Item>
  /** Undefined where the server gives none. */
  readonly hint: Hint | undefined
  /** Did the server answer at all? */
  readonly isKnown: boolean
}

const NONE: Fetched = { items: [], hint: undefined, isKnown: true }

/** What a page says of its own validity (2026-07-28, server/utilities/caching). */
const hintOf = (answer: Frame.Frame): Hint | undefined => {
  if (answer.result === undefined) return undefined
  const member = (name: string) => Frame.valueAt(answer, name)
  const ttlMs = member("ttlMs")
  if (typeof ttlMs !== "number") return undefined
  return { ttlMs: Math.max(0, ttlMs), cacheScope: member("cacheScope") === "public" ? "public" : "private" }
}

/** Of several pages, the least. */
const least = (a: Hint, b: Hint): Hint => ({
  ttlMs: Math.min(a.ttlMs, b.ttlMs),
  cacheScope: a.cacheScope === "public" ? b.cacheScope : "private"
})

/** All items of one list. A list that cannot be fetched, or not to its end, is logged, and what there is of it taken. */
export const fetch = Effect.fn("Listing.fetch")(function* (
  connection: Connection,
  kind: Catalogue.Kind,
  server: string
) {
  if (!supports(connection, kind)) return NONE
  const { method } = Catalogue.LIST[kind]
  const items: Array<Catalogue.Item> = []
  const hints: Array<Hint | undefined> = []
  const isModern = connection.peer.era === "modern"
  const seen = new Set<string>()
  let cursor: string | undefined
  const fetched = (): Fetched => {
    const [first, ...rest] = hints
    const known = rest.filter((hint) => hint !== undefined)
    const isWhole = first !== undefined && known.length === rest.length
    return { items, hint: isWhole ? known.reduce(least, first) : undefined, isKnown: hints.length > 0 }
  }
  for (let page = 1; ; page++) {
    const read = yield* connection.ask(method, cursor === undefined ? undefined : { cursor }).pipe(
      Effect.map((answer) => {
        const list = errorOf(answer) ?? Catalogue.readPage(answer, kind)
        return typeof list === "string" ? list : { ...list, hint: isModern ? hintOf(answer) : undefined }
      }),
      Effect.catchTag("MessageRefused", (refused) => Effect.succeed(refused.reason))
    )
    if (typeof read === "string") {
      // Servers that declare resources need not know templates.
      if (kind !== "resourceTemplates") yield* log.warning(`${method} failed on page ${page}: ${read}`, { server })
      return fetched()
    }
    items.push(...read.items)
    hints.push(read.hint)
    cursor = read.nextCursor
    if (cursor === undefined) return fetched()
    if (seen.has(cursor) || page >= MAX_PAGES) {
      yield* log.warning(`${method} never ends: stopped after ${page} pages`, { server })
      return fetched()
    }
    seen.add(cursor)
  }
})
