/** How long a result may be kept, and by whom (2026-07-28, server/utilities/caching). */

export interface Hint {
  /** Milliseconds. */
  readonly ttlMs: number
  readonly cacheScope: "public" | "private"
}

/** The hint for what is made of several parts: the shortest time, and private as soon as one part is. */
export const merge = (parts: ReadonlyArray<Hint>): Hint => ({
  ttlMs: parts.reduce((shortest, { ttlMs }) => Math.min(shortest, ttlMs), parts.length === 0 ? 0 : Infinity),
  cacheScope: parts.every(({ cacheScope }) => cacheScope === "public") ? "public" : "private"
})
