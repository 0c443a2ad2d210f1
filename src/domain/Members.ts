/** Edits of the members of an object in a JSON text: some left out, some put first. Every other byte stays. */
import * as Json from "./Json.ts"

/** The spans without which the object lacks those of its members, commas included. */
const left = (all: ReadonlyArray<Json.Member>, isOut: (key: string) => boolean): ReadonlyArray<Json.Edit> => {
  const gone = (start: number, end: number): Json.Edit => ({ span: { start, end }, by: NOTHING })
  const lastKept = all.findLastIndex(({ key }) => !isOut(key))
  const edits = all.flatMap(({ at, key }, index) => {
    const next = all[index + 1]
    return isOut(key) && index < lastKept && next !== undefined ? [gone(at, next.at)] : []
  })
  const last = all.at(-1)
  const kept = all[lastKept]
  if (last === undefined || kept === last) return edits
  return [...edits, gone(kept?.value.end ?? all[0]?.at ?? last.at, last.value.end)]
}

const NOTHING = new Uint8Array()

/** The edits that leave out `out` and put `first`, JSON members without braces, before the rest. */
export const edit = (
  object: Json.Span,
  all: ReadonlyArray<Json.Member>,
  { first = "", out = [] }: { readonly first?: string; readonly out?: ReadonlyArray<string> }
): ReadonlyArray<Json.Edit> => {
  const edits = left(all, (key) => out.includes(key))
  if (first === "") return edits
  const isEmpty = all.every(({ key }) => out.includes(key))
  const at = object.start + 1
  return [{ span: { start: at, end: at }, by: Json.utf8(isEmpty ? first : `${first},`) }, ...edits]
}
