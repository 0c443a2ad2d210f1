/** How V8 bounds what this program holds outside its heap: bodies and lines, most of all. */
import { setFlagsFromString } from "node:v8"

/** The V8 of the Node that comes with this program. Another one may not know the flag, and would say so on standard error. */
const KNOWN = "13.6."

/**
 * Has V8 count what lies outside the heap as it counts the heap: its next full collection comes when both have grown by
 * their share. Elsewhere each 64 MB that are allocated bring one, however short-lived they are, and calls with megabytes
 * cost mostly that. To be called before anything is allocated.
 */
export const countOutsideHeap = (): void => {
  if (process.versions.v8.startsWith(KNOWN)) setFlagsFromString("--external-memory-accounted-in-global-limit")
}
