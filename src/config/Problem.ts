/** One complaint about the configuration, and how several are put before a person. */
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { nearest } from "../domain/Names.ts"

export type Path = ReadonlyArray<PropertyKey>

export interface Problem {
  /** Dotted path in the file, as the file spells its keys. */
  readonly path: string
  readonly message: string
  /** Line of the file, where it is known. */
  readonly line: number | undefined
}

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$-]*$/u

/** `mcpServers.github.args[0]`; keys that would be misread are quoted. */
export const dotted = (path: Path): string =>
  path
    .map((key, index) => {
      const name = String(key)
      if (/^\d+$/u.test(name)) return `[${name}]`
      if (!IDENTIFIER.test(name)) return `[${JSON.stringify(name)}]`
      return index === 0 ? name : `.${name}`
    })
    .join("")

/** `mcpServers.github.url: … (line 12)` */
export const format = ({ line, message, path }: Problem): string =>
  `${path === "" ? "" : `${path}: `}${message}${line === undefined ? "" : ` (line ${line})`}`

/** What is said of a key that nobody knows, with the one that was most likely meant. */
export const unknownKey = (key: string, known: ReadonlyArray<string>): string => {
  const near = nearest(key, known, 1)[0]
  return `is not a known key${near === undefined ? "" : `; did you mean "${near}"?`}`
}

const formatter = SchemaIssue.makeFormatterStandardSchemaV1()

/** What a Schema complains of: places and expectations, never the values found there. */
export const issuesOf = (error: Schema.SchemaError): ReadonlyArray<readonly [Path, string]> =>
  formatter(error.issue).issues.map(({ message, path = [] }) => [
    path.map((part) => (typeof part === "object" ? part.key : part)),
    message.replace(/^E/u, "e")
  ])
