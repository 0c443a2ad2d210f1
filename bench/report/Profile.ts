/** Samples of V8's profiler, by the room of the house in which they were taken. Pure. */
import { median } from "./Statistics.ts"
import { table as render } from "./Tables.ts"

interface Frame {
  readonly functionName: string
  readonly url: string
  /** From 0. */
  readonly lineNumber: number
  readonly columnNumber: number
}

/** As much of a .cpuprofile as is used. */
export interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: Frame
    /** Samples by line, from 1. */
    readonly positionTicks?: ReadonlyArray<{ readonly line: number; readonly ticks: number }>
  }>
  readonly samples: ReadonlyArray<number>
  readonly timeDeltas: ReadonlyArray<number>
}

export interface Spent {
  readonly room: string
  readonly name: string
  /** Milliseconds, without what it called. */
  readonly self: number
}

/** Which source a place in the bundle came from. */
export type Original = (line: number, column: number) => string | undefined

const roomOf = (source: string): string => {
  const own = /(?:^|\/)src\/([^/]+)\//u.exec(source)
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?:src|dist)?\/?(.*?)(?:\.[cm]?[jt]s)?$/u.exec(source)
  if (dependency !== null) return `${dependency[1]}: ${dependency[2]?.split("/").slice(0, 2).join("/")}`
  return own === null ? "other" : `ours: ${own[1]}`
}

const placeOf = (
  { columnNumber, functionName, lineNumber, url }: Frame,
  original: Original
): readonly [string, string] => {
  if (url === "") return ["V8", functionName === "" ? "(native)" : functionName]
  if (url.startsWith("node:"))
    return [url.split("/")[0] === "node:internal" ? url.split("/").slice(0, 2).join("/") : url, functionName]
  const source = original(lineNumber, columnNumber)
  const file = source?.split("/").at(-1) ?? ""
  return [roomOf(source ?? ""), `${functionName === "" ? "(anonymous)" : functionName} ${file}`]
}

/** Self time by place, most first; idle time left out. */
export const spent = (profiles: ReadonlyArray<CpuProfile>, original: Original): ReadonlyArray<Spent> => {
  const places = new Map<string, { room: string; name: string; self: number }>()
  for (const { nodes, samples, timeDeltas } of profiles) {
    const frames = new Map(nodes.map(({ callFrame, id }) => [id, callFrame]))
    const keys = new Map<number, string>()
    // One that comes late is of a thread that waited for a processor, and used none meanwhile.
    const most = 2 * median(timeDeltas)
    for (const [index, id] of samples.entries()) {
      const frame = frames.get(id)
      if (frame === undefined || frame.functionName === "(idle)") continue
      let key = keys.get(id)
      if (key === undefined) {
        const [room, name] = placeOf(frame, original)
        key = `${room} ${name}`
        keys.set(id, key)
        if (!places.has(key)) places.set(key, { room, name, self: 0 })
      }
      const place = places.get(key)
      if (place !== undefined) place.self += Math.min(timeDeltas[index] ?? 0, most) / 1000
    }
  }
  return [...places.values()].sort((a, b) => b.self - a.self)
}

export interface Line {
  readonly place: string
  /** Samples that were taken there. */
  readonly ticks: number
}

/**
 * Samples by line, most first; idle time left out. A function that is inlined has none of its own in `spent`, but its lines
 * have theirs here. `original` gives the file and line that a line of the bundle, from 0, came from.
 */
export const lines = (
  profiles: ReadonlyArray<CpuProfile>,
  original: (line: number) => string | undefined
): ReadonlyArray<Line> => {
  const places = new Map<string, number>()
  for (const { callFrame, positionTicks = [] } of profiles.flatMap(({ nodes }) => nodes)) {
    if (callFrame.functionName === "(idle)") continue
    for (const { line, ticks } of positionTicks) {
      const { functionName, url } = callFrame
      const isNode = url.startsWith("node:")
      const native = functionName === "" ? "(native)" : functionName
      const place = url === "" ? native : isNode ? `${url}:${line}` : (original(line - 1) ?? "other")
      places.set(place, (places.get(place) ?? 0) + ticks)
    }
  }
  return [...places].map(([place, ticks]) => ({ place, ticks })).sort((a, b) => b.ticks - a.ticks)
}

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`

/** What each has of the whole, most first. */
export const shares = (all: ReadonlyMap<string, number>): string => {
  const whole = [...all.values()].reduce((sum, one) => sum + one, 0)
  return [...all]
    .sort((a, b) => b[1] - a[1])
    .map(([name, one]) => `${name} ${percent(one, whole)}`)
    .join(", ")
}

/** The rooms, and the functions and lines that took most. */
export const table = (all: ReadonlyArray<Spent>, byLine: ReadonlyArray<Line>, shown: number): string => {
  const ticks = byLine.reduce((sum, line) => sum + line.ticks, 0)
  const whole = all.reduce((sum, { self }) => sum + self, 0)
  const rooms = [...Map.groupBy(all, ({ room }) => room)]
    .map(([room, places]) => [room, places.reduce((sum, { self }) => sum + self, 0)] as const)
    .sort((a, b) => b[1] - a[1])
  return [
    render(
      ["room", "self"],
      rooms.slice(0, shown).map(([room, self]) => [room, percent(self, whole)])
    ),
    render(
      ["function", "room", "self"],
      all.slice(0, shown).map(({ name, room, self }) => [name, room, percent(self, whole)])
    ),
    render(
      ["line", "samples"],
      byLine.slice(0, shown).map((line) => [line.place, percent(line.ticks, ticks)])
    )
  ].join("\n\n")
}
