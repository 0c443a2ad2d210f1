/**
 * A JSON parser of the tests' own: strict (RFC 8259), keeping duplicates, order and the text of every value; and two
 * careless readers over it, which ignore case and take the first or the last of several keys.
 */

export type Node =
  | { readonly type: "object"; readonly text: string; readonly members: ReadonlyArray<readonly [string, Node]> }
  | { readonly type: "array"; readonly text: string; readonly items: ReadonlyArray<Node> }
  | { readonly type: "string"; readonly text: string; readonly value: string }
  | { readonly type: "other"; readonly text: string }

const WORD = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/u
// oxlint-disable-next-line no-control-regex
const STRING = /^"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/u

/** Parses a whole text; throws where it is not JSON. */
export const parse = (source: string): Node => {
  let at = 0
  const fail = (): never => {
    throw new SyntaxError(`not JSON at ${at}: ${source.slice(at, at + 20)}`)
  }
  const skip = (): void => {
    while (" \t\r\n".includes(source.charAt(at)) && at < source.length) at++
  }
  const take = (mark: string): boolean => {
    skip()
    if (source.charAt(at) !== mark) return false
    at++
    return true
  }
  const string = (): Node & { readonly type: "string" } => {
    skip()
    const text = STRING.exec(source.slice(at))?.[0] ?? fail()
    at += text.length
    return { type: "string", text, value: JSON.parse(text) as string }
  }
  const value = (): Node => {
    skip()
    const start = at
    if (take("{")) {
      const members: Array<readonly [string, Node]> = []
      if (!take("}")) {
        do {
          const key = string().value
          if (!take(":")) fail()
          members.push([key, value()])
        } while (take(","))
        if (!take("}")) fail()
      }
      return { type: "object", text: source.slice(start, at), members }
    }
    if (take("[")) {
      const items: Array<Node> = []
      if (!take("]")) {
        do items.push(value())
        while (take(","))
        if (!take("]")) fail()
      }
      return { type: "array", text: source.slice(start, at), items }
    }
    if (source.charAt(at) === '"') return string()
    const text = WORD.exec(source.slice(at))?.[0] ?? fail()
    at += text.length
    return { type: "other", text }
  }
  const whole = value()
  skip()
  if (at < source.length) fail()
  return whole
}

/** Characters are alike if their simple upper or lower cases are; İ (U+0130) is i to those who map it alone. */
const simple = (c: string, mapped: string): string => (mapped.length === c.length ? mapped : c)
const lower = (c: string): string => (c === "\u0130" ? "i" : simple(c, c.toLowerCase()))
const upper = (c: string): string => simple(c, c.toUpperCase())

/** Does a reader that ignores case take these two keys for one? */
export const alike = (a: string, b: string): boolean => {
  const left = [...a]
  const right = [...b]
  return (
    left.length === right.length &&
    left.every((c, index) => {
      const d = right[index] ?? ""
      return upper(c) === upper(d) || lower(c) === lower(d) || lower(upper(c)) === lower(upper(d))
    })
  )
}

export type Careless = "first wins" | "last wins"

/** What a careless reader finds at a path of keys. */
export const find = (node: Node, careless: Careless, ...path: ReadonlyArray<string>): Node | undefined => {
  let here: Node | undefined = node
  for (const key of path) {
    if (here?.type !== "object") return undefined
    const found: ReadonlyArray<Node> = here.members.filter(([name]) => alike(name, key)).map(([, value]) => value)
    here = careless === "first wins" ? found[0] : found.at(-1)
  }
  return here
}

/** The value of a node as `JSON.parse` gives it. */
export const valueOf = (node: Node | undefined): unknown =>
  node === undefined ? undefined : (JSON.parse(node.text) as unknown)
