/** The headers that say again what a request's body says (2026-07-28, transports/streamable-http, §Request Metadata). */
import * as Predicate from "effect/Predicate"
import type * as Catalogue from "../domain/Catalogue.ts"
import * as Json from "../domain/Json.ts"
import { HEADER } from "../domain/Protocol.ts"
import type { MessageHeaders } from "./Transport.ts"
import type { Outgoing } from "./Upstream.ts"

const PLAIN = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/u
const SENTINEL = /^=\?base64\?.*\?=$/u

/** A value as a header has it: plain where that is safe, else in Base64 (§Value Encoding). */
export const encode = (value: string): string =>
  value === "" || (PLAIN.test(value) && !SENTINEL.test(value))
    ? value
    : `=?base64?${Buffer.from(value).toString("base64")}?=`

/** An argument that is mirrored: where it stands, and under which name. */
interface Declaration {
  readonly path: ReadonlyArray<string>
  readonly header: string
}

const ANNOTATION = "x-mcp-header"
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u
const PRIMITIVES = new Set<unknown>(["string", "integer", "boolean"])

type Schema = Readonly<Record<string, unknown>>

/** Collects the annotations of a schema; a string says what is wrong with one (§Schema Extension). */
const declarationsOf = (root: unknown): ReadonlyArray<Declaration> | string => {
  const found: Array<Declaration> = []
  const seen = new Set<string>()
  const visit = (schema: unknown, path: ReadonlyArray<string> | undefined): string | undefined => {
    if (Array.isArray(schema)) {
      return schema.reduce<string | undefined>((fault, item) => fault ?? visit(item, undefined), undefined)
    }
    if (!Predicate.isReadonlyObject(schema)) return undefined
    const { properties, ...others } = schema as Schema
    const header = (schema as Schema)[ANNOTATION]
    if (header !== undefined) {
      const fault = accept(schema as Schema, header, path)
      if (fault !== undefined) return fault
    }
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
  const accept = (schema: Schema, header: unknown, path: ReadonlyArray<string> | undefined): string | undefined => {
    const shown = JSON.stringify(header)
    if (typeof header !== "string" || !TOKEN.test(header)) return `${ANNOTATION} ${shown} is not a header's name`
    if (seen.has(header.toLowerCase())) return `${ANNOTATION} ${shown} stands twice`
    if (path === undefined || path.length === 0) return `${ANNOTATION} ${shown} stands where no argument can be`
    if (!PRIMITIVES.has(schema["type"])) return `${ANNOTATION} ${shown} is of a type that headers cannot have`
    seen.add(header.toLowerCase())
    found.push({ path, header })
    return undefined
  }
  return visit(root, []) ?? found
}

/** Keywords below which stands data, not schemas. */
const DATA = new Set(["default", "const", "enum", "examples", "required", "dependentRequired"])

const declarations = new WeakMap<Catalogue.Item, ReadonlyArray<Declaration> | string>()

const declaredBy = (tool: Catalogue.Item): ReadonlyArray<Declaration> | string => {
  const known = declarations.get(tool)
  if (known !== undefined) return known
  const schema = Json.at(tool.bytes, { start: 0, end: tool.bytes.length }, "inputSchema")
  const made = declarationsOf(Json.tryParse(tool.bytes, schema))
  declarations.set(tool, made)
  return made
}

/** Why a tool cannot be called over HTTP; undefined where it can. */
export const fault = (tool: Catalogue.Item): string | undefined => {
  const declared = declaredBy(tool)
  return typeof declared === "string" ? declared : undefined
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value
    : typeof value === "boolean" || Number.isSafeInteger(value)
      ? String(value)
      : undefined

const argumentHeaders = (
  tool: Catalogue.Item | undefined,
  given: unknown
): ReadonlyArray<readonly [string, string]> => {
  const declared = tool === undefined ? [] : declaredBy(tool)
  if (typeof declared === "string") return []
  return declared.flatMap(({ header, path }) => {
    const value = textOf(
      path.reduce<unknown>(
        (at, name) => (Predicate.isReadonlyObject(at) && Object.hasOwn(at, name) ? (at as Schema)[name] : undefined),
        given
      )
    )
    return value === undefined ? [] : [[`${HEADER.paramPrefix}${header.toLowerCase()}`, encode(value)] as const]
  })
}

/** The headers of a request; of a call, those too that the tool's schema asks for. */
export const of = (
  request: Pick<Outgoing, "method" | "target" | "arguments">,
  tools: ReadonlyArray<Catalogue.Item>
): MessageHeaders => ({
  [HEADER.method]: request.method,
  ...(request.target === undefined ? {} : { [HEADER.name]: encode(request.target) }),
  ...(request.method === "tools/call"
    ? Object.fromEntries(
        argumentHeaders(
          tools.find(({ name }) => name === request.target),
          request.arguments
        )
      )
    : {})
})
