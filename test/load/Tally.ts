/** What a load run measured, and whether that is as it should be. Pure. */
import { quantile } from "../../bench/load/Load.ts"

/** `alone`: nobody else calls. `beside`: everybody does. */
export type Phase = "alone" | "beside"

/** A bound that an error names: the setting that set it. */
const BOUND = /MCP_[A-Z_]+|mcpServers\.\w+\.\w+/u

/** What one principal got. */
interface Share {
  readonly latencies: Record<Phase, Array<number>>
  /** Errors that name a bound, by its name. */
  readonly refused: Map<string, number>
  readonly failures: Array<string>
}

const MAX_KEPT = 5

export class Tally {
  readonly shares = new Map<string, Share>()
  failed = 0

  private of(principal: string): Share {
    const known = this.shares.get(principal)
    if (known !== undefined) return known
    const share: Share = { latencies: { alone: [], beside: [] }, refused: new Map(), failures: [] }
    this.shares.set(principal, share)
    return share
  }

  /** An answer to a call after so long. */
  answered(principal: string, phase: Phase, millis: number): void {
    this.of(principal).latencies[phase].push(millis)
  }

  /** An error, or anything else that is no result. True: it is a bound that was met. */
  missed(principal: string, text: string): boolean {
    const share = this.of(principal)
    const bound = BOUND.exec(text)?.[0]
    if (bound !== undefined) share.refused.set(bound, (share.refused.get(bound) ?? 0) + 1)
    else {
      this.failed++
      if (share.failures.length < MAX_KEPT) share.failures.push(text)
    }
    return bound !== undefined
  }
}

/** What the proxy had of memory, in bytes. */
export interface Memory {
  /** When only one principal had called. */
  readonly idle: number
  /** The most that was resident. */
  readonly peak: number
  /** The most that it said it buffered for others. */
  readonly buffered: number
}

/** What is asked of a run. */
export interface Demands {
  /** Whose calls have to be served as if nobody else were there, or nearly so. */
  readonly modest: string
  /** How many times as long their 99th percentile may be, beside everybody else. */
  readonly factor: number
  /** MCP_BUFFER_BYTES. */
  readonly bufferBytes: number
  /** How much may be resident beyond what is when idle. */
  readonly growth: number
  /** Everybody who calls; each has to get something. */
  readonly principals: ReadonlyArray<string>
  /** Those of them who take their own time over what they get. */
  readonly unhurried: ReadonlyArray<string>
  /** What has to be reached for the run to have shown anything: these bounds by these principals. */
  readonly met: ReadonlyArray<readonly [principal: string, bound: string]>
}

export interface Verdict {
  readonly calls: number
  readonly refused: number
  readonly failed: number
  /** Milliseconds, of all that was answered beside others, but to the unhurried. */
  readonly p99: number
  readonly alone: number
  readonly beside: number
  readonly complaints: ReadonlyArray<string>
}

const p99Of = (latencies: ReadonlyArray<number>): number => quantile(Float64Array.from(latencies).sort(), 0.99)

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((before, next) => before + next, 0)

const MIB = 1024 * 1024
const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`

export const judge = (tally: Tally, memory: Memory, demands: Demands): Verdict => {
  const { bufferBytes, factor, growth, met, modest, principals, unhurried } = demands
  const shares = [...tally.shares]
  const ofModest = tally.shares.get(modest)
  const alone = p99Of(ofModest?.latencies.alone ?? [])
  const beside = p99Of(ofModest?.latencies.beside ?? [])
  const refused = sum(shares.map(([, share]) => sum(share.refused.values())))
  return {
    calls: sum(shares.map(([, { latencies }]) => latencies.alone.length + latencies.beside.length)) + refused,
    refused,
    failed: tally.failed,
    p99: p99Of(shares.flatMap(([name, { latencies }]) => (unhurried.includes(name) ? [] : latencies.beside))),
    alone,
    beside,
    complaints: [
      ...shares.flatMap(([name, { failures }]) => failures.map((text) => `${name} got ${text}`)),
      ...principals.flatMap((name) =>
        (tally.shares.get(name)?.latencies.beside.length ?? 0) > 0 ? [] : [`${name} got nothing`]
      ),
      ...[...(ofModest?.refused ?? [])].map(([bound, times]) => `${modest} was refused ${times} times by ${bound}`),
      // Without a number for both there is nothing that could be compared.
      ...(beside <= factor * alone
        ? []
        : [
            `${modest} waited ${beside.toFixed(1)} ms beside others, more than ${factor} times the ${alone.toFixed(1)} ms alone`
          ]),
      ...met.flatMap(([name, bound]) =>
        (tally.shares.get(name)?.refused.get(bound) ?? 0) > 0 ? [] : [`${name} never met ${bound}: too little load`]
      ),
      ...(memory.buffered <= bufferBytes
        ? []
        : [`${mib(memory.buffered)} were buffered, more than ${mib(bufferBytes)}`]),
      ...(memory.peak - memory.idle <= growth
        ? []
        : [`memory grew from ${mib(memory.idle)} to ${mib(memory.peak)}, by more than ${mib(growth)}`])
    ]
  }
}

/** The last line of a run. */
export const line = (verdict: Verdict, memory: Memory, demands: Demands, clients: number, seconds: number): string =>
  `load: ${clients} clients, ${seconds} s: ${verdict.calls} calls, ${verdict.refused} refused by bounds, ${verdict.failed} failed; ` +
  `p99 ${Math.round(verdict.p99)} ms; ${demands.modest} p99 ${verdict.beside.toFixed(0)} ms beside others, ` +
  `${verdict.alone.toFixed(0)} ms alone (at most ${demands.factor} times); ` +
  `memory +${mib(memory.peak - memory.idle)} of at most +${mib(demands.growth)}, buffered ${mib(memory.buffered)} of ${mib(demands.bufferBytes)}`

/** What each principal got, a line each. */
export const p99s = (tally: Tally): ReadonlyArray<string> =>
  [...tally.shares].map(([name, { latencies, refused }]) => {
    const bounds = [...refused].map(([bound, times]) => `, ${times} refused by ${bound}`).join("")
    return `${name}: ${latencies.beside.length} answered, p99 ${Math.round(p99Of(latencies.beside))} ms${bounds}`
  })
