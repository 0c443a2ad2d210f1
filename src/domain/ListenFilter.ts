/** Which changes a modern client wants to hear of (2026-07-28, basic/patterns/subscriptions, §Notification Filter). */
import * as Predicate from "effect/Predicate"
import type { Kind } from "./Catalogue.ts"

export interface Filter {
  readonly kinds: ReadonlyArray<Kind>
  readonly resources: ReadonlyArray<string>
}

/** The lists of each flag. That templates changed is said as a change of resources. */
const FLAGS: Readonly<Record<string, ReadonlyArray<Kind>>> = {
  toolsListChanged: ["tools"],
  promptsListChanged: ["prompts"],
  resourcesListChanged: ["resources", "resourceTemplates"]
}

/** The capability that a list belongs to. */
export const CAPABILITY: Readonly<Record<Kind, string>> = {
  tools: "tools",
  prompts: "prompts",
  resources: "resources",
  resourceTemplates: "resources"
}

const MAX_RESOURCES = 1000

/** Reads `params.notifications`; a text says what is wrong with it. */
export const read = (notifications: unknown): Filter | string => {
  if (!Predicate.isReadonlyObject(notifications)) return "subscriptions/listen needs params.notifications, an object"
  const kinds: Array<Kind> = []
  for (const [flag, lists] of Object.entries(FLAGS)) {
    const wanted = notifications[flag] ?? false
    if (typeof wanted !== "boolean") return `params.notifications.${flag} must be true or false`
    if (wanted) kinds.push(...lists)
  }
  const resources = notifications["resourceSubscriptions"] ?? []
  if (!Array.isArray(resources) || !resources.every(Predicate.isString)) {
    return "params.notifications.resourceSubscriptions must be a list of URIs"
  }
  if (resources.length > MAX_RESOURCES) {
    return `params.notifications.resourceSubscriptions may hold ${MAX_RESOURCES} URIs at most`
  }
  return { kinds, resources: [...new Set(resources)] }
}

/** A filter as it is written; what is not in it is left out. */
export const encode = ({ kinds, resources }: Filter): Readonly<Record<string, unknown>> => ({
  ...Object.fromEntries(
    Object.entries(FLAGS).flatMap(([flag, [first]]) =>
      first !== undefined && kinds.includes(first) ? [[flag, true]] : []
    )
  ),
  ...(resources.length === 0 ? {} : { resourceSubscriptions: resources })
})
