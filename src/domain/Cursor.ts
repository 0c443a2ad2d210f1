/** The one cursor that clients see over the merged list of many upstreams. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** Where the next page begins: after the item of that name, which stood at that index when the page was cut. */
export interface Position {
  readonly index: number
  readonly after: string
}

const Wire = Schema.StringFromBase64Url.pipe(
  Schema.decodeTo(Schema.fromJsonString(Schema.Tuple([Schema.Natural, Schema.String])))
)

const decodeWire = Schema.decodeUnknownOption(Wire)
const encodeWire = Schema.encodeSync(Wire)

/** An opaque cursor. It holds nothing that its reader has not just been shown. */
export const encode = (position: Position): string => encodeWire([position.index, position.after])

/** The position behind a cursor of ours; none where it is not one. */
export const decode = (cursor: unknown): Option.Option<Position> =>
  Option.map(decodeWire(cursor), ([index, after]) => ({ index, after }))

/**
 * The index at which the next page begins in the list as it is now. If the list changed since the page was cut, the
 * item is looked for; if it is gone, the page begins where it stood, with what has moved up. Nothing that stayed is skipped for ever: a change
 * also sends list_changed.
 */
export const resume = (names: ReadonlyArray<string>, position: Position): number => {
  if (names[position.index - 1] === position.after) return position.index
  const found = names.indexOf(position.after)
  return found >= 0 ? found + 1 : Math.min(Math.max(0, position.index - 1), names.length)
}
