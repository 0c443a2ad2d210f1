/** The names under which clients see the tools and prompts of several servers. */
import { createHash } from "node:crypto"
import { type ServerId, slug } from "./ServerId.ts"

/** The longest name that the model APIs behind MCP clients accept. */
export const MAX_LENGTH = 64

const TAIL = 8

/**
 * The name itself, or its beginning and a hash of the whole. The same name gives the same short one everywhere and
 * always; the way back is the catalogue's table.
 */
export const shorten = (name: string): string => {
  if (name.length <= MAX_LENGTH) return name
  const tail = createHash("sha256").update(name).digest("hex").slice(0, TAIL)
  // Half of a character at the cut would be no text any more.
  const head = name.slice(0, MAX_LENGTH - TAIL - 1).replace(/[\ud800-\udbff]$/u, "")
  return `${head}_${tail}`
}

/** `{server}_{name}`, at most 64 characters. */
export const prefixed = (server: ServerId, name: string): string => shorten(`${slug(server)}_${name}`)

const distance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    previous = row
  }
  return previous[b.length]!
}

/** How many candidates are compared at most: a hint must not cost a hostile caller's server more than the call would. */
const MAX_COMPARED = 2000
const MAX_HINT_LENGTH = 128

/** The names that the caller may have meant, best first: near in spelling, or the same without its server's prefix. */
export const nearest = (name: string, candidates: Iterable<string>, limit = 3): ReadonlyArray<string> => {
  if (name.length > MAX_HINT_LENGTH) return []
  const wanted = name.toLowerCase()
  const tolerance = Math.max(2, Math.floor(name.length / 3))
  const scored: Array<{ readonly candidate: string; readonly score: number }> = []
  let compared = 0
  for (const candidate of candidates) {
    if (++compared > MAX_COMPARED) break
    const lower = candidate.toLowerCase()
    const score = lower.endsWith(`_${wanted}`) || wanted.endsWith(`_${lower}`) ? 0.5 : distance(wanted, lower)
    if (score <= tolerance) scored.push({ candidate, score })
  }
  return scored
    .sort((a, b) => a.score - b.score)
    .slice(0, limit)
    .map(({ candidate }) => candidate)
}
