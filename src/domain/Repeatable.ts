/** Which calls may be made twice: those that only read, and those of tools that say so of themselves. */
import * as Predicate from "effect/Predicate"
import type { Item } from "./Catalogue.ts"
import * as Json from "./Json.ts"

const READS = new Set(["resources/read", "prompts/get", "completion/complete"])

const annotationsOf = ({ bytes }: Item): unknown =>
  Json.tryParse(bytes, Json.at(bytes, { start: 0, end: bytes.length }, "annotations"))

/** May the server act on the same call a second time without harm? `tools` are what it offers, as it said it. */
export const isRepeatable = (method: string, target: string | undefined, tools: ReadonlyArray<Item>): boolean => {
  if (method !== "tools/call") return READS.has(method)
  const tool = tools.find(({ name }) => name === target)
  const annotations = tool === undefined ? undefined : annotationsOf(tool)
  if (!Predicate.isReadonlyObject(annotations)) return false
  return annotations["readOnlyHint"] === true || annotations["idempotentHint"] === true
}
