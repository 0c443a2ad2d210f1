/**
 * What is done at the end of a turn of the event loop. Answers that are written one by one, each when it is ready, wake their
 * reader for each, and it falls asleep in between; written together they wake it once.
 */

/** Has something done, in the order given, once all that has come in by now has been dealt with. It must not throw. */
export type AtEndOfTurn = (act: () => void) => void

export const make = (): AtEndOfTurn => {
  let waiting: Array<() => void> = []
  const run = (): void => {
    const acts = waiting
    waiting = []
    for (const act of acts) act()
  }
  return (act) => {
    if (waiting.push(act) === 1) setImmediate(run)
  }
}
