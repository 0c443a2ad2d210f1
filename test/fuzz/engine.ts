/** Runs targets on inputs, and says what did not hold: a law, the time that an input may take, or the memory. */
import { inputs } from "./mutate.ts"
import type { Target } from "./Target.ts"

export interface Failure {
  readonly target: string
  readonly reason: string
  /** As small as it could be made. */
  readonly input: Uint8Array
}

/** What one input may take: nobody waits longer for a refusal. Generous, for machines are busy. */
const MILLIS = 1000

/** What may be left of an input once it is done with, in bytes, on average. */
const BYTES_LEFT = 200

const reasonOf = async ({ check }: Target, input: Uint8Array): Promise<string | undefined> => {
  const began = performance.now()
  try {
    await check(input)
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  const millis = performance.now() - began
  return millis > MILLIS ? `it took ${Math.round(millis)} ms for ${input.length} bytes` : undefined
}

/** How often a failing input is cut down at most. */
const MAX_CUTS = 500

/** The input without whatever it fails without, as far as that is quickly found. */
const minimise = async (target: Target, failing: Uint8Array): Promise<Uint8Array> => {
  let input = failing
  let cuts = 0
  for (
    let size = Math.ceil(input.length / 2);
    size > 0 && cuts < MAX_CUTS;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < input.length && cuts < MAX_CUTS; cuts++) {
      const shorter = Buffer.concat([input.subarray(0, at), input.subarray(at + size)])
      if ((await reasonOf(target, shorter)) === undefined) at += size
      else input = shorter
    }
  }
  return input
}

/** Checks one input. */
export const once = async (target: Target, input: Uint8Array): Promise<Failure | undefined> => {
  const reason = await reasonOf(target, input)
  if (reason === undefined) return undefined
  const small = await minimise(target, input)
  return { target: target.name, reason: (await reasonOf(target, small)) ?? reason, input: small }
}

const heap = (collect: () => void): number => {
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

/** Checks so many inputs. `begun` is told of each before it is tried; `collect` frees what can be freed. */
export const run = async (
  target: Target,
  options: {
    readonly seed: number
    readonly count: number
    readonly begun?: (input: Uint8Array) => void
    readonly collect?: (() => void) | undefined
  }
): Promise<Failure | undefined> => {
  const { begun, collect, count, seed } = options
  const source = inputs(target.seeds, seed)
  let last: Uint8Array = new Uint8Array()
  const half = async (): Promise<Failure | undefined> => {
    for (let left = Math.ceil(count / 2); left > 0; left--) {
      last = source.next().value
      begun?.(last)
      const failure = await once(target, last)
      if (failure !== undefined) return failure
    }
    return undefined
  }
  const first = await half()
  if (first !== undefined || collect === undefined) return first ?? (await half())
  // Compilers and caches fill up once; what goes on growing is a leak.
  let left = Infinity
  for (let attempt = 0; attempt < 3 && left > BYTES_LEFT; attempt++) {
    const before = heap(collect)
    const failure = await half()
    if (failure !== undefined) return failure
    left = (heap(collect) - before) / Math.ceil(count / 2)
  }
  return left > BYTES_LEFT
    ? { target: target.name, reason: `${Math.round(left)} bytes of memory are left of each input`, input: last }
    : undefined
}
