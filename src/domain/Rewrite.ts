/** The URIs inside results and notifications, given their public form. Every other byte is the server's. */
import * as Apps from "./Apps.ts"
import * as Frame from "./Frame.ts"
import * as Json from "./Json.ts"

const URI = Buffer.from('uri"')

/** The key may be spelled with escapes. */
const ESCAPE = Buffer.from("u00")

/**
 * Can there be a member `uri` in these bytes at all? To search them costs far less than to read them; and more where what
 * is searched for begins with what texts are full of.
 */
const mayHoldUri = (bytes: Uint8Array): boolean => {
  const buffer = Json.asBuffer(bytes)
  return buffer.includes(URI) || buffer.includes(ESCAPE)
}

const uriEdits = (
  bytes: Uint8Array,
  span: Json.Span | undefined,
  rename: (uri: string) => string
): ReadonlyArray<Json.Edit> => {
  if (span === undefined) return []
  const uri = Json.tryParse(bytes, span)
  return typeof uri === "string" ? [{ span, by: Json.encode(rename(uri)) }] : []
}

/** The URIs of one content block: a resource link's own, and that of an embedded resource. */
const contentEdits = (
  bytes: Uint8Array,
  block: Json.Span,
  rename: (uri: string) => string
): ReadonlyArray<Json.Edit> => [
  ...uriEdits(bytes, Json.at(bytes, block, "uri"), rename),
  ...uriEdits(bytes, Json.at(bytes, block, "resource", "uri"), rename)
]

const each = (bytes: Uint8Array, list: Json.Span | undefined): ReadonlyArray<Json.Span> =>
  list === undefined ? [] : (Json.elements(bytes, list.start) ?? [])

/**
 * The edits that make a result's URIs public: `contents[].uri` (resources/read), `content[]` (tools/call, tasks/get) and
 * `messages[].content` (prompts/get), and the page that a result names, in the order in which they stand.
 */
export const resultEdits = (frame: Frame.Frame, rename: (uri: string) => string): ReadonlyArray<Json.Edit> => {
  const { bytes } = frame
  if (frame.result === undefined) return []
  const pages = Apps.edits(bytes, Frame.at(frame, "_meta"), rename)
  if (!mayHoldUri(bytes)) return pages
  const task = Frame.at(frame, "result", "content")
  const blocks = [
    ...each(bytes, Frame.at(frame, "content")),
    ...each(bytes, task),
    ...each(bytes, Frame.at(frame, "contents")),
    ...each(bytes, Frame.at(frame, "messages")).flatMap((message) => {
      const content = Json.at(bytes, message, "content")
      const several = each(bytes, content)
      return several.length > 0 || content === undefined ? several : [content]
    })
  ]
  const inner = blocks.flatMap((block) => contentEdits(bytes, block, rename))
  return [...pages, ...inner].sort((a, b) => a.span.start - b.span.start)
}

/** The edit that makes the URI of a notification public. */
export const notificationEdits = (frame: Frame.Frame, rename: (uri: string) => string): ReadonlyArray<Json.Edit> =>
  uriEdits(frame.bytes, Frame.at(frame, "uri"), rename)
