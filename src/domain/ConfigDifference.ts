/** What lies between two configurations: which servers come, go, or are others than before. Values decide, not spelling. */
import * as Equal from "effect/Equal"
import { type GatewayConfig, sameConnection, type ServerConfig } from "./ServerConfig.ts"
import type { ServerId } from "./ServerId.ts"

/** One server of both, whose settings differ. */
export interface Change {
  readonly server: ServerId
  /** The settings that differ, by their names in the file. Never a value: it may be a secret. */
  readonly settings: ReadonlyArray<string>
  /** Is it another connection? Otherwise only what is shown of the server is different. */
  readonly isRebuilt: boolean
}

export interface Difference {
  readonly added: ReadonlyArray<ServerId>
  readonly removed: ReadonlyArray<ServerId>
  readonly changed: ReadonlyArray<Change>
  readonly unchanged: ReadonlyArray<ServerId>
  /** The settings of the `gateway` section that differ. */
  readonly gateway: ReadonlyArray<string>
}

const differing = <A extends object>(a: A, b: A, keys: ReadonlyArray<keyof A & string>): ReadonlyArray<string> =>
  keys.filter((key) => !Equal.equals(a[key], b[key]))

const keysOf = <A extends object>(a: A, b: A) =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])] as unknown as ReadonlyArray<keyof A & string>

/** The names under which the file has the settings of a transport that differ. */
const reachDiffers = (a: ServerConfig["transport"], b: ServerConfig["transport"]): ReadonlyArray<string> =>
  a._tag === b._tag ? differing(a, b as typeof a, keysOf(a, b as typeof a)) : ["type"]

const settingsThatDiffer = (a: ServerConfig, b: ServerConfig): ReadonlyArray<string> =>
  keysOf(a, b)
    .filter((key) => key !== "id" && key !== "transport")
    .flatMap((key) => differing(a, b, [key]))
    .concat(reachDiffers(a.transport, b.transport))
    .sort()

/** From one configuration to the next. The order of servers is no difference: nothing has to be done for it. */
export const between = (before: GatewayConfig, after: GatewayConfig): Difference => {
  const known = new Map(before.servers.map((server) => [server.id, server]))
  const wanted = new Set(after.servers.map(({ id }) => id))
  const changed: Array<Change> = []
  const unchanged: Array<ServerId> = []
  for (const server of after.servers) {
    const former = known.get(server.id)
    if (former === undefined) continue
    const settings = settingsThatDiffer(former, server)
    if (settings.length === 0) unchanged.push(server.id)
    else changed.push({ server: server.id, settings, isRebuilt: !sameConnection(former, server) })
  }
  return {
    added: after.servers.flatMap(({ id }) => (known.has(id) ? [] : [id])),
    removed: before.servers.flatMap(({ id }) => (wanted.has(id) ? [] : [id])),
    changed,
    unchanged,
    gateway: differing(before, after, keysOf(before, after)).filter((key) => key !== "servers")
  }
}

/** Is there anything to do? */
export const isNone = ({ added, changed, gateway, removed }: Difference): boolean =>
  added.length + removed.length + changed.length + gateway.length === 0

const list = (label: string, items: ReadonlyArray<string>): ReadonlyArray<string> =>
  items.length === 0 ? [] : [`${label} ${items.join(", ")}`]

const named = ({ server, settings }: Change): string => `${server} (${settings.join(", ")})`

/** `added b; removed a; rebuilt c (args, env); adjusted d (disabledTools); gateway.naming` */
export const describe = (difference: Difference): string => {
  const { added, changed, gateway, removed } = difference
  if (isNone(difference)) return "nothing differs"
  return [
    ...list("added", added),
    ...list("removed", removed),
    ...list("rebuilt", changed.filter(({ isRebuilt }) => isRebuilt).map(named)),
    ...list("adjusted", changed.filter(({ isRebuilt }) => !isRebuilt).map(named)),
    ...gateway.map((key) => `gateway.${key}`)
  ].join("; ")
}
