/** What can happen in a simulated world. Steps are values: they are made of a seed, printed, left out, and done again. */

import type { QueueBounds } from "../../src/domain/FairQueue.ts"

/** What a server does with a call. */
export type Plan =
  | { readonly _tag: "Quick" }
  /** It says how far it is, and answers. */
  | { readonly _tag: "Progress"; readonly steps: number }
  | { readonly _tag: "Later"; readonly millis: number }
  /** It answers once it is told to by a step. */
  | { readonly _tag: "Held" }
  | { readonly _tag: "Never" }
  /** It asks its caller something before it answers. */
  | { readonly _tag: "Ask"; readonly rounds: number }
  /** It ends itself in the middle. */
  | { readonly _tag: "Crash" }
  | { readonly _tag: "Error" }
  /** It answers two times. */
  | { readonly _tag: "Twice" }

/** How a client answers what it is asked. */
export type Reply = "accept" | "decline" | "error" | "twice"

/** How a configuration becomes another. */
export type Change =
  | { readonly _tag: "Rebuild"; readonly server: string }
  | { readonly _tag: "Filter"; readonly server: string; readonly tool: string }
  | { readonly _tag: "Toggle"; readonly server: string }
  | { readonly _tag: "Mode"; readonly server: string }
  | { readonly _tag: "Bounds"; readonly server: string }
  | { readonly _tag: "Reorder" }
  | { readonly _tag: "Naming" }
  /** The same once more. */
  | { readonly _tag: "Nothing" }

export type Event =
  // Clients. `nth` counts what there is of its kind, modulo their number; where there is none, nothing happens.
  | { readonly _tag: "Begin"; readonly client: number }
  | { readonly _tag: "End"; readonly client: number }
  | { readonly _tag: "Listen"; readonly client: number }
  | { readonly _tag: "Unlisten"; readonly client: number }
  | {
      readonly _tag: "Call"
      readonly client: number
      readonly server: string
      readonly tool: string
      readonly plan: Plan
    }
  | { readonly _tag: "Cancel"; readonly client: number; readonly nth: number }
  /** The connection of a call breaks. */
  | { readonly _tag: "Drop"; readonly client: number; readonly nth: number }
  /** It takes up again a stream that broke. */
  | { readonly _tag: "Resume"; readonly client: number; readonly nth: number }
  | { readonly _tag: "Reply"; readonly client: number; readonly nth: number; readonly how: Reply }
  | { readonly _tag: "List"; readonly client: number }
  // Servers.
  | { readonly _tag: "Answer"; readonly server: string; readonly nth: number }
  | { readonly _tag: "Exit"; readonly server: string; readonly nth: number }
  | { readonly _tag: "Mute"; readonly server: string; readonly isOn: boolean }
  | { readonly _tag: "Slow"; readonly server: string; readonly millis: number }
  | { readonly _tag: "Missing"; readonly server: string; readonly isOn: boolean }
  | { readonly _tag: "Relist"; readonly server: string }
  | { readonly _tag: "Expire"; readonly server: string }
  | { readonly _tag: "Busy"; readonly server: string; readonly times: number }
  // The operator.
  | { readonly _tag: "Reload"; readonly change: Change }
  | { readonly _tag: "Rules"; readonly person: number; readonly server: string; readonly tool: string }
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Kill" }
  // Time. It passes, or it has passed: then all that was due in between happens at once.
  | { readonly _tag: "Pass"; readonly millis: number }
  | { readonly _tag: "Jump"; readonly millis: number }

export interface Step {
  readonly event: Event
  /** How many turns are taken before the next step; undefined: until all is at rest. */
  readonly turns: number | undefined
}

export interface ServerSetup {
  readonly name: string
  readonly transport: "stdio" | "http"
  readonly era: "legacy" | "modern"
  /** Is it asked for its era? */
  readonly isAsked: boolean
  readonly isolation: "shared" | "user" | "session"
  readonly reload: "overlap" | "replace"
  /** Can its streams be taken up again? */
  readonly isResumable: boolean
  readonly isConfigured: boolean
  /** How many calls it is given at a time, and how many may wait for that. */
  readonly concurrent: number
  readonly queued: number
  /** After how many failures in a row calls are held back. */
  readonly failures: number
  readonly isPinged: boolean
  /** May calls that only read be made a second time? */
  readonly isRepeated: boolean
}

/** How a world is at its beginning. */
export interface Setup {
  readonly servers: ReadonlyArray<ServerSetup>
  readonly naming: "auto" | "always"
  readonly maxLanes: number
  readonly maxLanesPerUser: number
  /** What each person may have over all servers. */
  readonly perOwner: QueueBounds
  readonly maxParked: number
  readonly maxParkedOfOne: number
  /** After how many operations a fiber gives way. */
  readonly operations: number
}

export interface Schedule {
  readonly seed: number
  readonly setup: Setup
  readonly steps: ReadonlyArray<Step>
}

/** The people, and the clients that they use. */
export const PEOPLE = ["ann", "bob"] as const

export interface ClientSetup {
  readonly name: string
  readonly person: number
  readonly era: "legacy" | "modern"
  /** Can it be asked? */
  readonly isAskable: boolean
}

export const CLIENTS: ReadonlyArray<ClientSetup> = [
  { name: "ann-old", person: 0, era: "legacy", isAskable: true },
  { name: "ann-mute", person: 0, era: "legacy", isAskable: false },
  { name: "bob-old", person: 1, era: "legacy", isAskable: true },
  { name: "ann-new", person: 0, era: "modern", isAskable: true },
  { name: "bob-new", person: 1, era: "modern", isAskable: true }
]

/** What each server offers. The first one only reads; the last one comes and goes. */
export const TOOLS = ["read", "write", "extra"] as const

const fields = (value: object): string =>
  Object.entries(value)
    .filter(([name]) => name !== "_tag")
    .map(([name, field]: [string, unknown]) =>
      typeof field === "object" && field !== null
        ? `${name}=${describe(field as { readonly _tag: string })}`
        : `${name}=${String(field)}`
    )
    .join(" ")

const describe = (value: { readonly _tag: string }): string => {
  const more = fields(value)
  return more === "" ? value._tag : `${value._tag}(${more})`
}

/** A step as it is printed. */
export const print = ({ event, turns }: Step): string =>
  `${describe(event)}${turns === undefined ? "" : `, then only ${turns} turns`}`

export const printSetup = ({ perOwner, servers, ...rest }: Setup): string =>
  [
    `${fields(rest)} perOwner=${perOwner.concurrent}+${perOwner.queued}`,
    ...servers.map((server) => {
      const { concurrent, era, failures, isolation, name, queued, reload, transport } = server
      const more = [
        ...(server.isAsked ? ["asked"] : []),
        ...(server.isResumable ? ["resumable"] : []),
        ...(server.isPinged ? ["pinged"] : []),
        ...(server.isRepeated ? ["repeated"] : []),
        ...(server.isConfigured ? [] : ["not configured yet"])
      ]
      const bounds = `calls=${concurrent}+${queued} failures=${failures}`
      return [`${name}:`, transport, era, isolation, reload, bounds, ...more].join(" ")
    })
  ].join("\n  ")
