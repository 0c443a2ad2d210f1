/** What one server offers, as it said it: each item's bytes, and the one value in it by which it is called. */
import * as Frame from "./Frame.ts"
import * as Json from "./Json.ts"
import { matches } from "./Pattern.ts"
import { reveal, type ServerConfig } from "./ServerConfig.ts"

/** The four lists of MCP. */
export const KINDS = ["tools", "prompts", "resources", "resourceTemplates"] as const
export type Kind = (typeof KINDS)[number]

/** How each list is asked for, which capability permits asking, and which member of an item is its name. */
export const LIST: Readonly<
  Record<
    Kind,
    { readonly method: string; readonly capability: string; readonly name: string; readonly changed: string }
  >
> = {
  tools: {
    method: "tools/list",
    capability: "tools",
    name: "name",
    changed: "notifications/tools/list_changed"
  },
  prompts: {
    method: "prompts/list",
    capability: "prompts",
    name: "name",
    changed: "notifications/prompts/list_changed"
  },
  resources: {
    method: "resources/list",
    capability: "resources",
    name: "uri",
    changed: "notifications/resources/list_changed"
  },
  resourceTemplates: {
    method: "resources/templates/list",
    capability: "resources",
    name: "uriTemplate",
    changed: "notifications/resources/list_changed"
  }
}

export interface Item {
  /** The server's own name, URI or URI template. */
  readonly name: string
  readonly bytes: Uint8Array
  /** Where the name's value stands in `bytes`. */
  readonly at: Json.Span
}

export interface Page {
  readonly items: ReadonlyArray<Item>
  readonly nextCursor: string | undefined
}

const readItem = (bytes: Uint8Array, kind: Kind): Item | undefined => {
  const span = Json.at(bytes, { start: 0, end: bytes.length }, LIST[kind].name)
  const name = span === undefined ? undefined : Json.parse(bytes, span)
  return span === undefined || typeof name !== "string" ? undefined : { name, bytes, at: span }
}

/** Reads one page of a list result; a string says what is wrong with it. Items without a name are left out. */
export const readPage = (frame: Frame.Frame, kind: Kind): Page | string => {
  if (frame.result === undefined) return "the answer is an error"
  // Items are kept for long; the answer that they came in is not to be kept alive with them. (A Buffer's `slice` is no copy.)
  const { bytes } = frame
  try {
    const list = Frame.at(frame, kind)
    const spans = list === undefined ? undefined : Json.elements(bytes, list.start)
    if (spans === undefined) return `result.${kind} is not a list`
    const items = spans.flatMap(({ end, start }) => readItem(new Uint8Array(bytes.subarray(start, end)), kind) ?? [])
    const cursorSpan = Frame.at(frame, "nextCursor")
    const cursor = cursorSpan === undefined ? undefined : Json.parse(bytes, cursorSpan)
    return { items, nextCursor: typeof cursor === "string" ? cursor : undefined }
  } catch (cause) {
    return `the answer is not JSON: ${(cause as SyntaxError).message}`
  }
}

export type Lists = Readonly<Record<Kind, ReadonlyArray<Item>>>

/** Everything that one connection offers. Equal catalogues of one server are one object; `version` is its number. */
export interface Catalogue {
  readonly version: number
  readonly lists: Lists
}

/** How much a server offers; resource templates count as resources. */
export interface Counts {
  readonly tools: number
  readonly prompts: number
  readonly resources: number
}

export const counts = ({ prompts, resources, resourceTemplates, tools }: Lists): Counts => ({
  tools: tools.length,
  prompts: prompts.length,
  resources: resources.length + resourceTemplates.length
})

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

/** `1 tool, 0 prompts, 2 resources` */
export const describe = ({ prompts, resources, tools }: Counts): string =>
  [plural(tools, "tool"), plural(prompts, "prompt"), plural(resources, "resource")].join(", ")

export const empty: Catalogue = { version: 0, lists: { tools: [], prompts: [], resources: [], resourceTemplates: [] } }

const sameItems = (a: ReadonlyArray<Item>, b: ReadonlyArray<Item>): boolean =>
  a === b || (a.length === b.length && a.every((item, index) => Buffer.compare(item.bytes, b[index]!.bytes) === 0))

/** The lists that differ between two catalogues. */
export const differences = (a: Lists, b: Lists): ReadonlyArray<Kind> =>
  KINDS.filter((kind) => !sameItems(a[kind], b[kind]))

let versions = 0

/**
 * Gives equal lists of one server's connections one catalogue, so that a thousand sessions of a server hold its lists
 * once. Only what is in use is remembered.
 */
export class Shelf {
  private remembered: Array<WeakRef<Catalogue>> = []

  shelve(lists: Lists): Catalogue {
    const alive = this.remembered.filter((ref) => ref.deref() !== undefined)
    this.remembered = alive
    const known = alive.find((ref) => differences(ref.deref()?.lists ?? empty.lists, lists).length === 0)?.deref()
    if (known !== undefined) return known
    const made: Catalogue = { version: ++versions, lists }
    this.remembered.push(new WeakRef(made))
    return made
  }
}

/** What of a server's lists is offered under the configured filters. */
export const offered = (lists: Lists, filters: Pick<ServerConfig, "enabledTools" | "disabledTools">): Lists => ({
  ...lists,
  tools: lists.tools.filter(({ name }) => isOffered(name, filters))
})

/** Is a tool of that name offered under the configured filters? A disabled one never is. */
export const isOffered = (
  name: string,
  { disabledTools, enabledTools }: Pick<ServerConfig, "enabledTools" | "disabledTools">
): boolean =>
  !disabledTools.some((pattern) => matches(reveal(pattern), name)) &&
  (enabledTools === undefined || enabledTools.some((pattern) => matches(reveal(pattern), name)))
