/**
 * Structured content as legacy revisions know it: an object, described by a schema of an object. Modern servers may have
 * any JSON there (SEP-2106); for legacy clients it is the member `result` of an object, in the schema and in the content.
 */
import * as Frame from "./Frame.ts"
import * as Json from "./Json.ts"
import * as Pieces from "./Pieces.ts"
import { rememberingOf } from "./Remembering.ts"

const HEAD = '{"type":"object","properties":{"result":'
const TAIL = Json.utf8('},"required":["result"]}')
const WITHIN = "#/properties/result"

/** Keywords below which stands data, and those below which stand schemas under names of their own. */
const DATA = new Set(["const", "enum", "default", "examples"])
const NAMED = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"])

type Edits = ReadonlyArray<Json.Edit>

const before = (at: number, by: string): Json.Edit => ({ span: { start: at, end: at }, by: Json.utf8(by) })
const after = (at: number, by: Uint8Array): Json.Edit => ({ span: { start: at, end: at }, by })

/** Does an `$id` begin a document of its own, in which references do not lead out? */
const isBase = (id: unknown): boolean => id !== undefined && !(typeof id === "string" && id.startsWith("#"))

/** References to the schema's own parts lead to where these are now. */
const references = (bytes: Uint8Array, span: Json.Span, isNameMap: boolean): Edits => {
  const items = Json.elements(bytes, span.start)
  if (items !== undefined) return items.flatMap((item) => references(bytes, item, false))
  const all = Json.members(bytes, span.start) ?? []
  if (!isNameMap && isBase(Json.tryParse(bytes, Json.lookup(all, "$id")?.value))) return []
  return all.flatMap(({ key, value }): Edits => {
    if (isNameMap) return references(bytes, value, false)
    if (DATA.has(key)) return []
    if (key !== "$ref" && key !== "$dynamicRef") return references(bytes, value, NAMED.has(key))
    const to = Json.tryParse(bytes, value)
    return typeof to === "string" && (to === "#" || to.startsWith("#/"))
      ? [{ span: value, by: Json.encode(WITHIN + to.slice(1)) }]
      : []
  })
}

const outputSchema = (tool: Uint8Array): Json.Span | undefined => {
  const span = Json.at(tool, { start: 0, end: tool.length }, "outputSchema")
  if (span === undefined || Json.members(tool, span.start) === undefined) return undefined
  return Json.tryParse(tool, Json.at(tool, span, "type")) === "object" ? undefined : span
}

/** A tool as it stands in a list, for legacy clients. */
export const tool = rememberingOf((bytes: Uint8Array): Uint8Array => {
  const span = outputSchema(bytes)
  const dialect = span === undefined ? undefined : Json.at(bytes, span, "$schema")
  const head = dialect === undefined ? HEAD : `{"$schema":${Json.text(bytes, dialect)},${HEAD.slice(1)}`
  return span === undefined
    ? bytes
    : Pieces.join(
        Json.splice(bytes, [before(span.start, head), ...references(bytes, span, false), after(span.end, TAIL)])
      )
})

/** Is what this tool answers shown to legacy clients as a member of an object? */
export const wraps = (bytes: Uint8Array): boolean => outputSchema(bytes) !== undefined

/** The edits that show a result's structured content as its tool's schema is shown; without one, if it is no object. */
export const content = (result: Frame.Frame, isWrapped: boolean): Edits => {
  const span = Frame.at(result, "structuredContent")
  if (span === undefined || (!isWrapped && Json.members(result.bytes, span.start) !== undefined)) return []
  return [before(span.start, '{"result":'), after(span.end, Json.utf8("}"))]
}
