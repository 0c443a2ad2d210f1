/**
 * MCP Apps (the extension `io.modelcontextprotocol/ui`): the pages that tools name, by URIs of the scheme `ui://`. The
 * scheme is what hosts know them by, so it stays; the server is put behind it like behind any other.
 */
import * as Json from "./Json.ts"

/** Where the `_meta` of a tool or of a result names its page: `ui.resourceUri`, and the older flat key. */
const pages = (bytes: Uint8Array, meta: Json.Span | undefined): ReadonlyArray<Json.Span> =>
  meta === undefined
    ? []
    : [Json.at(bytes, meta, "ui", "resourceUri"), Json.at(bytes, meta, "ui/resourceUri")].flatMap((span) => span ?? [])

/** The edits that give the pages that the `_meta` of a tool or of a result names their public URIs. */
export const edits = (
  bytes: Uint8Array,
  meta: Json.Span | undefined,
  rename: (uri: string) => string
): ReadonlyArray<Json.Edit> =>
  pages(bytes, meta).flatMap((span) => {
    const uri = Json.tryParse(bytes, span)
    return typeof uri === "string" ? [{ span, by: Json.encode(rename(uri)) }] : []
  })

/** The `_meta` of a tool. */
export const metaOf = (tool: Uint8Array): Json.Span | undefined =>
  Json.at(tool, { start: 0, end: tool.length }, "_meta")

/** Does a tool have a page? */
export const hasPage = (tool: Uint8Array): boolean => pages(tool, metaOf(tool)).length > 0
