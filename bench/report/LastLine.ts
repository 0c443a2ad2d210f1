/** The figures by which the project is held to its word. Pure. */
import type { CallCase, Results, Row } from "./Results.ts"
import { median, type Ratio, ratio } from "./Statistics.ts"

/** The six cases of the last line: legacy, JSON, at concurrency 16. */
export const SIZES = [
  { bytes: 100, label: "100" },
  { bytes: 10_000, label: "10K" },
  { bytes: 1_000_000, label: "1M" }
] as const

export const KINDS = ["stdio", "http"] as const

export const CONCURRENCY = 16

/** What a ratio is known by, here and in recorded.json. */
export const keyOf = (kind: (typeof KINDS)[number], label: string): string => `${kind} ${CONCURRENCY}x${label}`

/** The case of a server and a size. */
export const find = (
  calls: ReadonlyArray<CallCase>,
  kind: (typeof KINDS)[number],
  bytes: number
): CallCase | undefined =>
  calls.find(
    (one) =>
      one.upstream === kind &&
      one.answers === "json" &&
      one.era === "legacy" &&
      one.concurrency === CONCURRENCY &&
      one.bytes === bytes
  )

const sound = (rows: ReadonlyArray<Row>, role: Row["role"]): ReadonlyArray<Row> =>
  rows.filter((row) => row.role === role && row.fails === undefined && row.cpu.length > 0)

/** What the first of these uses, by what the second does. */
const between = (above: Row | undefined, below: Row | undefined): Ratio | undefined =>
  above === undefined || below === undefined ? undefined : ratio(above.cpu, below.cpu)

/** Processor time as shipped, by that of the limit. */
export const overLimit = ({ rows }: CallCase, role: Row["role"] = "shipped"): Ratio | undefined =>
  between(sound(rows, role)[0], sound(rows, "limit")[0])

/** That of the best peer, by ours as shipped. Peers that fail the case do not count. */
export const peerOverOurs = ({ rows }: CallCase): Ratio | undefined => {
  const [best] = [...sound(rows, "peer")].sort((a, b) => median(a.cpu) - median(b.cpu))
  return between(best, sound(rows, "shipped")[0])
}

/** The six ratios to the limit, by name; those that were measured. */
export const ratios = (calls: ReadonlyArray<CallCase>): ReadonlyMap<string, Ratio> => {
  const all = new Map<string, Ratio>()
  for (const kind of KINDS) {
    for (const { bytes, label } of SIZES) {
      const found = find(calls, kind, bytes)
      const over = found === undefined ? undefined : overLimit(found)
      if (over !== undefined) all.set(keyOf(kind, label), over)
    }
  }
  return all
}

/** The worst of the six, of those in which any peer gave the right answers. */
const worstPeer = (calls: ReadonlyArray<CallCase>): number | undefined => {
  const all = KINDS.flatMap((kind) =>
    SIZES.flatMap(({ bytes }) => {
      const found = find(calls, kind, bytes)
      return (found === undefined ? undefined : peerOverOurs(found)?.value) ?? []
    })
  )
  return all.length === 0 ? undefined : Math.min(...all)
}

/** The last line of a run; undefined where not all of it was measured. */
export const lastLine = ({ calls }: Results): string | undefined => {
  const all = ratios(calls)
  const peer = worstPeer(calls)
  const [a, b, c, d, e, f] = KINDS.flatMap((kind) => SIZES.map(({ label }) => all.get(keyOf(kind, label))?.value))
  const measured = [a, b, c, d, e, f].map((value) => (value === undefined ? undefined : `${value.toFixed(2)}x`))
  if (measured.includes(undefined) || peer === undefined) return undefined
  const [stdio100, stdio10K, stdio1M, http100, http10K, http1M] = measured
  return `bench: stdio 16x100 ${stdio100} limit, 16x10K ${stdio10K}, 16x1M ${stdio1M}; http ${http100}, ${http10K}, ${http1M}; best npm peer / ours ${peer.toFixed(1)}x`
}
