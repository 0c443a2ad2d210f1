/** Fetching a server's lists, all pages of them. */
import * as Effect from "effect/Effect"
import * as Catalogue from "../domain/Catalogue.ts"
import { logger } from "../observability/Logging.ts"
import { type Connection, encodeRequest, errorOf } from "./Connection.ts"

const log = logger("upstream")

/** More pages than any list has; a server that never stops is stopped here. */
const MAX_PAGES = 1000

const supports = (connection: Connection, kind: Catalogue.Kind): boolean =>
  connection.peer.capabilities[Catalogue.LIST[kind].capability] !== undefined

/** All items of one list. A list that cannot be fetched, or not to its end, is logged, and what there is of it taken. */
export const fetch = Effect.fn("Listing.fetch")(function* (
  connection: Connection,
  kind: Catalogue.Kind,
  server: string
) {
  const items: Array<Catalogue.Item> = []
  if (!supports(connection, kind)) return items
  const { method } = Catalogue.LIST[kind]
  const seen = new Set<string>()
  let cursor: string | undefined
  for (let page = 1; ; page++) {
    const params = cursor === undefined ? undefined : { cursor }
    const read = yield* connection.rpc.request(encodeRequest(method, params)).pipe(
      Effect.map((answer) => errorOf(answer) ?? Catalogue.readPage(answer, kind)),
      Effect.catchTag("MessageRefused", (refused) => Effect.succeed(refused.reason))
    )
    if (typeof read === "string") {
      // Servers that declare resources need not know templates.
      if (kind !== "resourceTemplates") yield* log.warning(`${method} failed on page ${page}: ${read}`, { server })
      return items
    }
    items.push(...read.items)
    cursor = read.nextCursor
    if (cursor === undefined) return items
    if (seen.has(cursor) || page >= MAX_PAGES) {
      yield* log.warning(`${method} never ends: stopped after ${page} pages`, { server })
      return items
    }
    seen.add(cursor)
  }
})

/** All four lists at once. */
export const fetchAll = Effect.fn("Listing.fetchAll")(function* (connection: Connection, server: string) {
  const lists = yield* Effect.forEach(Catalogue.KINDS, (kind) => fetch(connection, kind, server), {
    concurrency: "unbounded"
  })
  const [tools = [], prompts = [], resources = [], resourceTemplates = []] = lists
  return { tools, prompts, resources, resourceTemplates } satisfies Catalogue.Catalogue["lists"]
})
