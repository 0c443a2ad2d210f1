/**
 * MCP Apps (the extension `io.modelcontextprotocol/ui`): the pages that tools name, by URIs of the scheme `ui://`. The
 * scheme is what hosts know them by, so it stays; the server is put behind it like behind any other.
 */
import * as Json from "./Json.ts"

const UI = Buffer.from('"ui')

/** May there be a member in these bytes that names a page? */
const mayNamePage = (bytes: Uint8Array): boolean => Json.asBuffer(bytes).includes(UI)

/** Where a tool or a result names its page: `_meta.ui.resourceUri`, and the older flat key. */
const pages = (bytes: Uint8Array, object: Json.Span): ReadonlyArray<Json.Span> => {
  if (!mayNamePage(bytes)) return []
  return [
    Json.at(bytes, object, "_meta", "ui", "resourceUri"),
    Json.at(bytes, object, "_meta", "ui/resourceUri")
  ].flatMap((span) => span ?? [])
}

/** The edits that give the pages that a tool or a result names their public URIs. */
export const edits = (
  bytes: Uint8Array,
  object: Json.Span,
  rename: (uri: string) => string
): ReadonlyArray<Json.Edit> =>
  pages(bytes, object).flatMap((span) => {
    const uri = Json.tryParse(bytes, span)
    return typeof uri === "string" ? [{ span, by: Json.encode(rename(uri)) }] : []
  })

/** Does a tool have a page? */
export const hasPage = (tool: Uint8Array): boolean => pages(tool, { start: 0, end: tool.length }).length > 0
