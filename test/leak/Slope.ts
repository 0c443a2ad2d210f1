/** How much something grows with what is done. */

/** So much done, so much there. */
export type Point = readonly [done: number, held: number]

/** The slope of the line that is nearest to the points (least squares); 0 where all of them are at one place. */
export const slope = (points: ReadonlyArray<Point>): number => {
  const mean = (which: 0 | 1): number => points.reduce((sum, point) => sum + point[which], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const spread = points.reduce((sum, [done]) => sum + (done - x) ** 2, 0)
  return spread === 0 ? 0 : points.reduce((sum, [done, held]) => sum + (done - x) * (held - y), 0) / spread
}

/** The second half, by when all that fills up has filled up. */
export const lastHalf = <A>(samples: ReadonlyArray<A>): ReadonlyArray<A> =>
  samples.slice(Math.floor(samples.length / 2))
