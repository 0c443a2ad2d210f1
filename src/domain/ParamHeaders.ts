/** Arguments of tools that headers mirror: `x-mcp-header` in a tool's input schema (2026-07-28, transports/streamable-http). */
import * as Predicate from "effect/Predicate"
import type { Item } from "./Catalogue.ts"
import * as HeaderText from "./HeaderText.ts"
import * as Json from "./Json.ts"
import { HEADER } from "./Protocol.ts"
import { rememberingOf } from "./Remembering.ts"

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

/** Keywords below which stand schemas under names of their own, which are no keywords. */
const NAMED = new Set(["properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"])

/** Further down no argument is mirrored. */
const MAX_PATH = 64

/** A part of a schema; `path` leads there by properties alone, and is undefined where that is not so. */
interface Place {
  readonly schema: unknown
  readonly path: ReadonlyArray<string> | undefined
}

const extend = (path: Place["path"], name: string): Place["path"] =>
  path === undefined || path.length === MAX_PATH ? undefined : [...path, name]

const placesWithin = ({ path, schema }: Place): ReadonlyArray<Place> => {
  if (Array.isArray(schema)) return schema.map((one: unknown) => ({ schema: one, path: undefined }))
  if (!Predicate.isReadonlyObject(schema)) return []
  return Object.entries(schema).flatMap(([keyword, value]): ReadonlyArray<Place> => {
    if (DATA.has(keyword)) return []
    if (!NAMED.has(keyword) || !Predicate.isReadonlyObject(value)) return [{ schema: value, path: undefined }]
    const above = keyword === "properties" ? path : undefined
    return Object.entries(value).map(([name, one]) => ({ schema: one, path: extend(above, name) }))
  })
}

const declaration = (schema: Schema, path: Place["path"]): Declaration | string => {
  const name = schema[ANNOTATION]
  if (typeof name !== "string") return `${ANNOTATION} is not a header's name`
  const shown = `${ANNOTATION} ${JSON.stringify(name)}`
  if (!TOKEN.test(name)) return `${shown} is not a header's name`
  if (path === undefined || path.length === 0) return `${shown} stands where no argument can be`
  if (!PRIMITIVES.has(schema["type"])) return `${shown} is of a type that headers cannot have`
  return { path, header: `${HEADER.paramPrefix}${name.toLowerCase()}`, isInteger: schema["type"] === "integer" }
}

/** What a schema declares; a text says what is wrong with it (§Schema Extension). */
export const declarations = (root: unknown): ReadonlyArray<Declaration> | string => {
  const found = new Map<string, Declaration>()
  // Places are added while they are walked: a server may nest them deeper than calls can be.
  const places: Array<Place> = [{ schema: root, path: [] }]
  for (const place of places) {
    const { path, schema } = place
    if (Predicate.isReadonlyObject(schema) && ANNOTATION in schema) {
      const made = declaration(schema, path)
      if (typeof made === "string") return made
      if (found.has(made.header)) return `${ANNOTATION} ${JSON.stringify(schema[ANNOTATION])} stands twice`
      found.set(made.header, made)
    }
    for (const within of placesWithin(place)) places.push(within)
  }
  return [...found.values()]
}

const declarationsOf = rememberingOf((tool: Uint8Array) =>
  declarations(Json.tryParse(tool, Json.at(tool, { start: 0, end: tool.length }, "inputSchema")))
)

/** The same of a tool as it stands in a list. */
export const ofTool = ({ bytes }: Pick<Item, "bytes">): ReadonlyArray<Declaration> | string => declarationsOf(bytes)

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

/** An integer as a decimal: nothing but zeros after the point, so that reading it as a number loses nothing. */
const INTEGER = /^-?\d+(?:\.0+)?$/u

/** Does a header say this value? Integers are compared as numbers: 42.0 is 42. */
const says = (said: string, value: unknown, isInteger: boolean): boolean => {
  // Read out of JSON it is no longer the number that was sent: nothing can be said of it.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false
  return isInteger && typeof value === "number" && INTEGER.test(said)
    ? Number(said) === value
    : !Predicate.isObjectOrArray(value) && said === String(value)
}

/** What is wrong with the headers of a call with these arguments; undefined where nothing is (§Server Validation). */
export const mismatch = (
  declared: ReadonlyArray<Declaration>,
  headers: Readonly<Record<string, string | undefined>>,
  given: unknown
): string | undefined => {
  for (const declaration of declared) {
    const { header, isInteger, path } = declaration
    const argument = valueAt(declaration, given)
    const value = headers[header]
    if (value === undefined) {
      // What no header can say is for the tool's schema to refuse.
      if (textOf(argument) === undefined) continue
      return `the header ${header} is missing`
    }
    const said = HeaderText.decode(value)
    if (said === undefined) return `the header ${header} has invalid characters or Base64`
    if (argument === undefined || argument === null) return `the header ${header} mirrors no argument`
    if (!says(said, argument, isInteger)) return `the header ${header} differs from the argument ${path.join(".")}`
  }
  return undefined
}
