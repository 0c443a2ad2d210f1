/** Arguments of tools that headers mirror: `x-mcp-header` in a tool's input schema (2026-07-28, transports/streamable-http). */
import * as Predicate from "effect/Predicate"
import type { Item } from "./Catalogue.ts"
import * as HeaderText from "./HeaderText.ts"
import * as Json from "./Json.ts"
import { HEADER } from "./Protocol.ts"

/** An argument that is mirrored: where it stands, and the header's name in lower case. */
export interface Declaration {
  readonly path: ReadonlyArray<string>
  readonly header: string
  readonly isInteger: boolean
}

type Schema = Readonly<Record<string, unknown>>

const ANNOTATION = "x-mcp-header"
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u
const PRIMITIVES = new Set<unknown>(["string", "integer", "boolean"])

/** Keywords below which stands data, not schemas. */
const DATA = new Set(["default", "const", "enum", "examples", "required", "dependentRequired"])

/** What a schema declares; a text says what is wrong with it (§Schema Extension). */
export const declarations = (root: unknown): ReadonlyArray<Declaration> | string => {
  const found: Array<Declaration> = []
  const names = new Set<string>()

  const declare = (schema: Schema, path: ReadonlyArray<string> | undefined): string | undefined => {
    const name = schema[ANNOTATION]
    const shown = `${ANNOTATION} ${JSON.stringify(name)}`
    if (typeof name !== "string" || !TOKEN.test(name)) return `${shown} is not a header's name`
    if (names.has(name.toLowerCase())) return `${shown} stands twice`
    if (path === undefined || path.length === 0) return `${shown} stands where no argument can be`
    if (!PRIMITIVES.has(schema["type"])) return `${shown} is of a type that headers cannot have`
    names.add(name.toLowerCase())
    const header = `${HEADER.paramPrefix}${name.toLowerCase()}`
    found.push({ path, header, isInteger: schema["type"] === "integer" })
    return undefined
  }

  /** `path` leads there by properties alone; undefined where it does not. */
  const visit = (schema: unknown, path: ReadonlyArray<string> | undefined): string | undefined => {
    if (Array.isArray(schema)) {
      return schema.reduce<string | undefined>((fault, one) => fault ?? visit(one, undefined), undefined)
    }
    if (!Predicate.isReadonlyObject(schema)) return undefined
    const { properties, ...others } = schema as Schema
    const own = ANNOTATION in schema ? declare(schema as Schema, path) : undefined
    if (own !== undefined) return own
    for (const [name, property] of Object.entries(Predicate.isReadonlyObject(properties) ? properties : {})) {
      const fault = visit(property, path === undefined ? undefined : [...path, name])
      if (fault !== undefined) return fault
    }
    for (const [keyword, value] of Object.entries(others)) {
      const fault = DATA.has(keyword) ? undefined : visit(value, undefined)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  return visit(root, []) ?? found
}

const known = new WeakMap<Uint8Array, ReadonlyArray<Declaration> | string>()

/** The same of a tool as it stands in a list. */
export const ofTool = ({ bytes }: Pick<Item, "bytes">): ReadonlyArray<Declaration> | string => {
  const before = known.get(bytes)
  if (before !== undefined) return before
  const schema = Json.at(bytes, { start: 0, end: bytes.length }, "inputSchema")
  const made = declarations(Json.tryParse(bytes, schema))
  known.set(bytes, made)
  return made
}

const valueAt = ({ path }: Declaration, given: unknown): unknown =>
  path.reduce<unknown>(
    (at, name) => (Predicate.isReadonlyObject(at) && Object.hasOwn(at, name) ? (at as Schema)[name] : undefined),
    given
  )

/** What is mirrored of a value; undefined where nothing is. */
const textOf = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value
    : typeof value === "boolean" || Number.isSafeInteger(value)
      ? String(value)
      : undefined

/** The headers for a call with these arguments. */
export const headersFor = (
  declared: ReadonlyArray<Declaration>,
  given: unknown
): ReadonlyArray<readonly [name: string, value: string]> =>
  declared.flatMap((declaration) => {
    const text = textOf(valueAt(declaration, given))
    return text === undefined ? [] : [[declaration.header, HeaderText.encode(text)] as const]
  })

const isNumber = (text: string): boolean => /^-?\d+(\.\d+)?$/u.test(text)

/** What is wrong with the headers of a call with these arguments; undefined where nothing is (§Server Validation). */
export const mismatch = (
  declared: ReadonlyArray<Declaration>,
  headers: Readonly<Record<string, string | undefined>>,
  given: unknown
): string | undefined => {
  for (const declaration of declared) {
    const text = textOf(valueAt(declaration, given))
    if (text === undefined) continue
    const value = headers[declaration.header]
    if (value === undefined) return `the header ${declaration.header} is missing`
    const said = HeaderText.decode(value)
    if (said === undefined) return `the header ${declaration.header} is not valid Base64`
    const isSame =
      said === text || (declaration.isInteger && isNumber(said) && isNumber(text) && Number(said) === Number(text))
    if (!isSame) return `the header ${declaration.header} differs from the argument ${declaration.path.join(".")}`
  }
  return undefined
}
