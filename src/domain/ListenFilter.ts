/** Which changes a modern client wants to hear of (2026-07-28, basic/patterns/subscriptions, §Notification Filter). */
import * as Predicate from "effect/Predicate"
import type { Kind } from "./Catalogue.ts"

export interface Filter {
  readonly kinds: ReadonlyArray<Kind>
  readonly resources: ReadonlyArray<string>
  /** Of the extension for tasks (SEP-2663). */
  readonly tasks: ReadonlyArray<string>
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

const MAX_LISTED = 1000

/** The different texts of a list; a text says what is wrong with it. */
const texts = (notifications: Readonly<Record<string, unknown>>, member: string): ReadonlyArray<string> | string => {
  const list = notifications[member] ?? []
  if (!Array.isArray(list) || !list.every(Predicate.isString)) return `params.notifications.${member} must list texts`
  return list.length > MAX_LISTED ? `params.notifications.${member} may list ${MAX_LISTED} at most` : [...new Set(list)]
}

/** Reads `params.notifications`; a text says what is wrong with it. */
export const read = (notifications: unknown): Filter | string => {
  if (!Predicate.isReadonlyObject(notifications)) return "subscriptions/listen needs params.notifications, an object"
  const kinds: Array<Kind> = []
  for (const [flag, lists] of Object.entries(FLAGS)) {
    const wanted = notifications[flag] ?? false
    if (typeof wanted !== "boolean") return `params.notifications.${flag} must be true or false`
    if (wanted) kinds.push(...lists)
  }
  const resources = texts(notifications, "resourceSubscriptions")
  if (typeof resources === "string") return resources
  const tasks = texts(notifications, "taskIds")
  return typeof tasks === "string" ? tasks : { kinds, resources, tasks }
}

/** A filter as it is written; what is not in it is left out. */
export const encode = ({ kinds, resources, tasks }: Filter): Readonly<Record<string, unknown>> => ({
  ...Object.fromEntries(
    Object.entries(FLAGS).flatMap(([flag, [first]]) =>
      first !== undefined && kinds.includes(first) ? [[flag, true]] : []
    )
  ),
  ...(resources.length === 0 ? {} : { resourceSubscriptions: resources }),
  ...(tasks.length === 0 ? {} : { taskIds: tasks })
})
