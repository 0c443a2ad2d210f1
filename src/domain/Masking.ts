/** Arguments fit to be kept: the values of keys that sound like secrets are replaced. */
/** What stands in place of a secret. */
export const MASK = "***"

/** Deeper than people nest arguments; what lies below is not kept. */
const MAX_DEPTH = 32

/** A key as it is compared: `X-Api_Key` and `apiKey` are alike. */
const fold = (key: string): string => key.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")

/**
 * A copy of a JSON value in which whatever stands under a key that contains one of the words, at any depth, is masked.
 * Case and punctuation of keys do not count.
 */
export const masking = (words: ReadonlyArray<string>): ((value: unknown) => unknown) => {
  const folded = words.map(fold).filter((word) => word !== "")
  const isSecret = (key: string): boolean => {
    const name = fold(key)
    return folded.some((word) => name.includes(word))
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
