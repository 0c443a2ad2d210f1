/** A JSON file with its places: for errors that name the line. */
import { type MemberNode, parse, type ValueNode } from "@humanwhocodes/momoa"
import * as Result from "effect/Result"

export interface JsonDocument {
  readonly value: unknown
  /** The line on which the value at a path begins; of the nearest ancestor where there is none. */
  readonly lineOf: (path: ReadonlyArray<PropertyKey>) => number
  /** Keys that stand twice in one object, as dotted paths with both lines. */
  readonly duplicates: ReadonlyArray<{
    readonly path: ReadonlyArray<string>
    readonly lines: readonly [number, number]
  }>
}

/** Where and why a text is not JSON. `source` is the line itself. */
export interface SyntaxProblem {
  readonly line: number
  readonly column: number
  readonly source: string
  readonly reason: string
}

const nameOf = (member: MemberNode): string => (member.name.type === "String" ? member.name.value : member.name.name)

const child = (node: ValueNode, key: PropertyKey): ValueNode | undefined => {
  if (node.type === "Object") return node.members.findLast((member) => nameOf(member) === key)?.value
  return node.type === "Array" ? node.elements[Number(key)]?.value : undefined
}

const duplicatesOf = (node: ValueNode, path: ReadonlyArray<string>): JsonDocument["duplicates"] => {
  if (node.type === "Array") {
    return node.elements.flatMap((element, index) => duplicatesOf(element.value, [...path, String(index)]))
  }
  if (node.type !== "Object") return []
  const found: Array<JsonDocument["duplicates"][number]> = []
  const firstLines = new Map<string, number>()
  for (const member of node.members) {
    const name = nameOf(member)
    const here = [...path, name]
    const line = member.loc.start.line
    const first = firstLines.get(name)
    if (first !== undefined) found.push({ path: here, lines: [first, line] })
    firstLines.set(name, line)
    found.push(...duplicatesOf(member.value, here))
  }
  return found
}

/** Strips the byte order mark that some editors write. */
const withoutMark = (text: string): string => (text.startsWith("\ufeff") ? text.slice(1) : text)

const POSITION = /\(line (\d+) column (\d+)\)/u

/** Reads a JSON text (RFC 8259: no comments, no trailing commas). */
export const read = (text: string): Result.Result<JsonDocument, SyntaxProblem> => {
  const source = withoutMark(text)
  const problem = (line: number, column: number, reason: string): Result.Result<never, SyntaxProblem> =>
    Result.fail({ line, column, source: source.split(/\r?\n/u)[line - 1] ?? "", reason })
  let body: ValueNode
  try {
    body = parse(source, { mode: "json" }).body
  } catch (cause) {
    const { column = 1, line = 1, message } = cause as { line?: number; column?: number; message: string }
    return problem(line, column, message.replace(/ found\. \(\d+:\d+\)$/u, "").replace(/^Unexpected/u, "unexpected"))
  }
  try {
    const value: unknown = JSON.parse(source)
    const lineOf = (path: ReadonlyArray<PropertyKey>): number => {
      let node = body
      for (const key of path) {
        const next = child(node, key)
        if (next === undefined) break
        node = next
      }
      return node.loc.start.line
    }
    return Result.succeed({ value, lineOf, duplicates: duplicatesOf(body, []) })
  } catch (cause) {
    // The locating parser is more lenient than JSON in a few places; the platform's own parser has the last word.
    const { message } = cause as SyntaxError
    const at = POSITION.exec(message)
    return problem(Number(at?.[1] ?? 1), Number(at?.[2] ?? 1), message)
  }
}
