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

const PLACED = /^(.*?)(?: in JSON)? at position \d+ \(line (\d+) column (\d+)\)$/su

/** Both parsers see every mistake: the platform's own says it best, but not always where it is; the other always does. */
const syntaxProblem = (source: string, message: string): SyntaxProblem => {
  const lines = source.split(/\r?\n/u)
  const problem = (line: number, column: number, reason: string): SyntaxProblem => ({
    line,
    column,
    source: lines[line - 1] ?? "",
    reason: reason.replace(/^[A-Z]/u, (letter) => letter.toLowerCase())
  })
  const [, reason, line, column] = PLACED.exec(message) ?? []
  if (reason !== undefined) return problem(Number(line), Number(column), reason)
  if (message === "Unexpected end of JSON input") {
    return problem(lines.length, (lines.at(-1) ?? "").length + 1, "unexpected end of the file")
  }
  try {
    parse(source, { mode: "json" })
  } catch (cause) {
    const at = cause as { readonly line: number; readonly column: number }
    const word = /^(?:\w+|.)/u.exec((lines[at.line - 1] ?? "").slice(at.column - 1))?.[0]
    return problem(at.line, at.column, `unexpected ${JSON.stringify(word)}`)
  }
  return problem(1, 1, message)
}

/** Reads a JSON text (RFC 8259: no comments, no trailing commas). */
export const read = (text: string): Result.Result<JsonDocument, SyntaxProblem> => {
  const source = withoutMark(text)
  try {
    const value: unknown = JSON.parse(source)
    const { body } = parse(source, { mode: "json" })
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
    return Result.fail(syntaxProblem(source, (cause as Error).message))
  }
}
