/** What became of every call of a run, held against the faults that were injected into it. Pure: times are milliseconds of one clock. */

export type End =
  /** `tag` is that of the call that the server says it did. */
  | { readonly _tag: "Result"; readonly tag: string }
  | { readonly _tag: "Error"; readonly code: number; readonly message: string }
  /** Its connection broke before there was an answer. */
  | { readonly _tag: "Cut"; readonly reason: string }

/** One request as it went over the wire. A client that tries again makes another one, of the same tag. */
export interface Call {
  readonly id: string
  readonly tag: string
  /** May its client make it again, and its server do it more than once? */
  readonly idempotent: boolean
  readonly server: string
  readonly connection: string
  readonly startedAt: number
  readonly endedAt: number
  /** Undefined: it was waited for in vain. */
  readonly end: End | undefined
  /** How many answers came under its id, on whatever stream. */
  readonly answers: number
  /** What was said in place of an answer. */
  readonly instead?: string
}

/** Whose fault it is; `proxy` is everybody's. */
export type Target =
  | { readonly _tag: "Server"; readonly server: string }
  | { readonly _tag: "Connection"; readonly connection: string }
  | { readonly _tag: "Proxy" }

/** Something that was done to the proxy, and to what is around it. */
export interface Fault {
  readonly what: string
  readonly target: Target
  /** Does it break connections of clients? */
  readonly cuts: boolean
  readonly injectedAt: number
  /** Since when everything has been as before. */
  readonly overAt: number
  /** Why it did not take effect; undefined: it was seen to. */
  readonly missed: string | undefined
}

/** That a server did what it was asked to, as it wrote down itself. */
export interface Execution {
  readonly server: string
  readonly tag: string
}

export interface Account {
  readonly calls: ReadonlyArray<Call>
  readonly faults: ReadonlyArray<Fault>
  readonly executions: ReadonlyArray<Execution>
}

/** How long after a fault a connection error may be put down to it. */
export const CUT_MILLIS = 1000

/** The share of calls that no fault has to do with, at least. */
export const MIN_UNAFFECTED = 0.6

const overlaps = (call: Call, from: number, until: number): boolean => call.startedAt <= until && call.endedAt >= from

const concerns = ({ target }: Fault, call: Call): boolean => {
  switch (target._tag) {
    case "Server":
      return target.server === call.server
    case "Connection":
      return target.connection === call.connection
    case "Proxy":
      return true
  }
}

/** Was a fault at work on its server, its connection or the proxy while it was under way? */
export const isAffected = (call: Call, faults: ReadonlyArray<Fault>): boolean =>
  faults.some((fault) => concerns(fault, call) && overlaps(call, fault.injectedAt, fault.overAt))

/** May its connection have broken? */
export const mayBeCut = (call: Call, faults: ReadonlyArray<Fault>): boolean =>
  faults.some(
    (fault) =>
      fault.cuts &&
      fault.target._tag !== "Server" &&
      concerns(fault, call) &&
      overlaps(call, fault.injectedAt, fault.injectedAt + CUT_MILLIS)
  )

export interface Verdict {
  readonly calls: number
  readonly results: number
  readonly errors: number
  readonly cut: number
  readonly allowed: number
  readonly lost: number
  readonly doubled: number
  readonly faults: number
  readonly tookEffect: number
  /** Of the calls, from 0 to 1. */
  readonly unaffected: number
  /** Of those unaffected. */
  readonly failed: number
  /** Everything that should not be, a line each. Empty: the run has passed. */
  readonly complaints: ReadonlyArray<string>
}

const describe = (end: End | undefined): string => {
  switch (end?._tag) {
    case undefined:
      return "nothing"
    case "Result":
      return `the result of ${end.tag}`
    case "Error":
      return `error ${end.code}: ${end.message}`
    case "Cut":
      return `a connection error: ${end.reason}`
  }
}

const about = ({ connection, endedAt, id, server, startedAt }: Call): string =>
  `${id} (${server}, over ${connection}, ${Math.round(startedAt)} to ${Math.round(endedAt)})`

/** How often each error was answered, by code and first words. */
export const errorKinds = (calls: ReadonlyArray<Call>): ReadonlyMap<string, number> => {
  const kinds = calls.flatMap(({ end }) =>
    end?._tag === "Error" ? [`${end.code} ${end.message.replaceAll(/"[^"]*"|\d+/gu, "…").slice(0, 70)}`] : []
  )
  return new Map([...Map.groupBy(kinds, (kind) => kind)].map(([kind, all]) => [kind, all.length]))
}

/** Calls that a client made again though it must not, and those that it gave up. */
const badRetries = (calls: ReadonlyArray<Call>): ReadonlyArray<string> =>
  [...Map.groupBy(calls, ({ tag }) => tag)].flatMap(([tag, tries]) => {
    const last = tries.at(-1)
    if (last?.idempotent !== true) return tries.length > 1 ? [`${tag} was called ${tries.length} times`] : []
    return last.end?._tag === "Result" ? [] : [`${tag} was given up: its last try got ${describe(last.end)}`]
  })

/** Where calls and what was done for them do not agree. */
const doubles = ({ calls, executions }: Account): ReadonlyArray<string> => {
  const done = Map.groupBy(executions, ({ server, tag }) => `${server} ${tag}`)
  const once = new Set(calls.flatMap(({ idempotent, tag }) => (idempotent ? [] : [tag])))
  const tooOften = [...Map.groupBy(executions, ({ tag }) => tag)].flatMap(([tag, times]) =>
    once.has(tag) && times.length > 1 ? [`${tag} was done ${times.length} times`] : []
  )
  const answered = calls.flatMap((call): ReadonlyArray<string> => {
    if (call.answers > 1) return [`${about(call)} was answered ${call.answers} times`]
    if (call.end?._tag !== "Result") return []
    if (call.end.tag !== call.tag) return [`${about(call)} got ${describe(call.end)}`]
    return done.has(`${call.server} ${call.tag}`) ? [] : [`${about(call)} got a result, and was never done`]
  })
  return [...tooOften, ...answered]
}

export const judge = (account: Account): Verdict => {
  const { calls, faults } = account
  const ended = (kind: End["_tag"]) => calls.filter(({ end }) => end?._tag === kind)
  const cut = ended("Cut")
  const forbidden = cut.filter((call) => !mayBeCut(call, faults))
  const lost = calls.filter(({ end }) => end === undefined)
  const doubled = doubles(account)
  const missed = faults.filter((fault) => fault.missed !== undefined)
  const unaffected = calls.filter((call) => !isAffected(call, faults))
  const failed = unaffected.filter(({ end }) => end?._tag !== "Result")
  const share = calls.length === 0 ? 0 : unaffected.length / calls.length
  return {
    calls: calls.length,
    results: ended("Result").length,
    errors: ended("Error").length,
    cut: cut.length,
    allowed: cut.length - forbidden.length,
    lost: lost.length,
    doubled: doubled.length,
    faults: faults.length,
    tookEffect: faults.length - missed.length,
    unaffected: share,
    failed: failed.length,
    complaints: [
      ...lost.map((call) => `lost: ${about(call)} got ${call.instead ?? describe(call.end)}`),
      ...doubled.map((what) => `doubled: ${what}`),
      ...forbidden.map((call) => `cut without a reason: ${about(call)} got ${describe(call.end)}`),
      ...failed.map((call) => `failed without a reason: ${about(call)} got ${describe(call.end)}`),
      ...missed.map(({ injectedAt, missed, what }) => `no effect: ${what} at ${Math.round(injectedAt)}: ${missed}`),
      ...badRetries(calls).map((what) => `tried wrongly: ${what}`),
      ...(share < MIN_UNAFFECTED ? [`only ${percent(share)} of the calls are unaffected`] : [])
    ]
  }
}

/** Rounded down, so that what is said is so. */
const percent = (share: number): string => `${Math.floor(share * 100)}%`

/** The last line of a run. */
export const line = (verdict: Verdict): string => {
  const { allowed, calls, cut, doubled, errors, failed, faults, lost, results, tookEffect, unaffected } = verdict
  return (
    `chaos: ${calls} calls = ${results} results + ${errors} errors + ${cut} cut (allowed ${allowed}); ` +
    `${lost} lost, ${doubled} doubled; ${tookEffect}/${faults} faults took effect; ` +
    `${percent(unaffected)} unaffected, ${failed} of them failed`
  )
}
