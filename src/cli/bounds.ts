/** How V8 bounds what this program holds, outside its heap most of all: bodies and lines. */
import { setFlagsFromString } from "node:v8"

/** The V8 of the Node that comes with this program. Another one may not know the flags, and would say so on standard error. */
const isKnown = process.versions.v8.startsWith("13.6.")

const set = (...flags: ReadonlyArray<string>): void => {
  if (isKnown) for (const flag of flags) setFlagsFromString(flag)
}

/** By so many percent of what is live both may grow until the next full collection, where that is not much. */
const GROWTH = 300

/**
 * Has V8 count what lies outside the heap as it counts the heap: its next full collection comes when both have grown by
 * their share. Elsewhere each 64 MB that are allocated bring one, however short-lived they are, and calls with megabytes
 * cost mostly that. To be called before anything is allocated.
 */
export const countOutsideHeap = (): void => {
  set("--external-memory-accounted-in-global-limit")
  collectSeldom(true)
}

/**
 * Is V8 to let both grow fourfold from one full collection to the next? Else it decides by how long the last one took, which
 * with much outside of a small heap is too often; but garbage may then become three times what is on its way, so it is for
 * times when that is little. V8 looks it up at the end of each collection.
 */
export const collectSeldom = (isWanted: boolean): void => set(`--heap-growing-percent=${isWanted ? GROWTH : 0}`)

/** Whoever tells V8 how to compile, or how to grow, has decided: without permission to compile it must not be told to. */
const DECIDED = /--(?:no[-_]?)?(?:jitless|lite[-_]mode|opt|turbofan|maglev|semi[-_]space[-_]growth[-_]factor)\b/u
// Before anything else is there that knows of an environment.
// @effect-diagnostics-next-line processEnv:off
const isOurs = !DECIDED.test([...process.execArgv, process.env["NODE_OPTIONS"]].join(" "))

/**
 * A program that starts would have its young generation grow, and then have no use for what it has grown to; and have compiled
 * for speed what does not run again. Until `endStart` neither is done, and the process stays that much smaller.
 */
export const beginStart = (): void => {
  if (isOurs) set("--semi-space-growth-factor=1", "--no-opt", "--no-maglev")
}

/** From now on it is all as V8 has it. */
export const endStart = (): void => {
  if (isOurs) set("--semi-space-growth-factor=2", "--opt", "--maglev")
}
