/** What is made of numbers that differ from round to round. Pure. */

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const [low, high] = [sorted[middle - 1] ?? Number.NaN, sorted[middle] ?? Number.NaN]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

/** 1.4826 medians of the distance from the median: what the standard deviation is where nothing is out of the way. */
export const deviation = (values: ReadonlyArray<number>): number => {
  const middle = median(values)
  return 1.4826 * median(values.map((value) => Math.abs(value - middle)))
}

/** A quotient with what it may be wrong by. */
export interface Ratio {
  readonly value: number
  /** The standard error of `value`, as the rounds' differing tells it. */
  readonly error: number
}

/**
 * The quotient of two things that were measured in turns: of each round by itself, for what slows one down in a round slows
 * down the other; of these the median, which a few bad rounds do not move.
 */
export const ratio = (above: ReadonlyArray<number>, below: ReadonlyArray<number>): Ratio => {
  const rounds = Math.min(above.length, below.length)
  const all = Array.from({ length: rounds }, (_, round) => (above[round] ?? Number.NaN) / (below[round] ?? Number.NaN))
  // A median's standard error is 1.2533 of a mean's.
  return { value: median(all), error: rounds < 2 ? Number.NaN : (1.2533 * deviation(all)) / Math.sqrt(rounds) }
}

/** The exponent b of y = a·x^b that fits best: 1 is linear, less is better. */
export const exponent = (points: ReadonlyArray<readonly [number, number]>): number => {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const mean = (which: 0 | 1): number => logs.reduce((sum, log) => sum + log[which], 0) / logs.length
  const [x, y] = [mean(0), mean(1)]
  const across = logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0)
  return logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0) / across
}
