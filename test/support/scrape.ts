/** What a scrape of /metrics says, read as Prometheus reads its text format (version 0.0.4). */

export interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/u
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/uy

const unescape = (text: string): string =>
  text.replaceAll(/\\(["\\n])/gu, (_, character: string) => (character === "n" ? "\n" : character))

const labelsOf = (text: string): Readonly<Record<string, string>> => {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const [, name = "", value = ""] = LABEL.exec(text) ?? []
    if (name === "") throw new Error(`no labels: ${text}`)
    labels[name] = unescape(value)
  }
  return labels
}

/** Every series. Fails on a line that is none, on a series that stands twice, and on one without a type before it. */
export const scrape = (text: string): ReadonlyArray<Series> => {
  const typed = new Set(
    [...text.matchAll(/^# TYPE (\S+) (?:counter|gauge|histogram)$/gmu)].map(([, name = ""]) => name)
  )
  const seen = new Set<string>()
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("# "))
    .map((line) => {
      const [, name = "", labels = "", value = ""] = LINE.exec(line) ?? []
      if (name === "") throw new Error(`no series: ${line}`)
      if (!typed.has(name) && !typed.has(name.replace(/_(?:bucket|sum|count)$/u, ""))) {
        throw new Error(`${name} has no type`)
      }
      const key = line.slice(0, line.lastIndexOf(" "))
      if (seen.has(key)) throw new Error(`twice: ${key}`)
      seen.add(key)
      return { name, labels: labelsOf(labels), value: value === "+Inf" ? Infinity : Number(value) }
    })
}

/** The values of one family, by their labels' values. */
export const family = (text: string, name: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    scrape(text)
      .filter((series) => series.name === name)
      .map(({ labels, value }) => [Object.values(labels).join(" "), value])
  )
