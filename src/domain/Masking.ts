/** Arguments fit to be kept: the values of keys that sound like secrets are replaced. */

/** What stands in place of a secret. */
export const MASK = "***"

/** Deeper than people nest arguments; what lies below is not kept. */
const MAX_DEPTH = 32

/** How many keys, and how long ones, are remembered. */
const MAX_KNOWN = 2000
const MAX_KEY = 100

/** A key as it is compared: `X-Api_Key` and `apiKey` are alike. */
const fold = (key: string): string => key.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")

/**
 * A copy of a JSON value in which whatever stands under a key that contains one of the words, at any depth, is masked.
 * Case and punctuation of keys do not count.
 */
export const masking = (words: ReadonlyArray<string>): ((value: unknown) => unknown) => {
  const folded = words.map(fold).filter((word) => word !== "")
  const verdicts = new Map<string, boolean>()
  const isSecret = (key: string): boolean => {
    const known = verdicts.get(key)
    if (known !== undefined) return known
    const name = fold(key)
    const verdict = folded.some((word) => name.includes(word))
    // The same few keys come again and again; a client that makes up its own does not fill the memory.
    if (verdicts.size < MAX_KNOWN && key.length <= MAX_KEY) verdicts.set(key, verdict)
    return verdict
  }
  const copy = (value: unknown, depth: number): unknown => {
    if (typeof value !== "object" || value === null) return value
    if (depth === 0) return "…"
    if (Array.isArray(value)) return value.map((item) => copy(item, depth - 1))
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, isSecret(key) ? MASK : copy(item, depth - 1)])
    )
  }
  return (value) => copy(value, MAX_DEPTH)
}
