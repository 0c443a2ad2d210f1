/** What the image promises, read off its Dockerfile. Pure. */

/** One instruction, its continued lines joined. */
export interface Instruction {
  readonly keyword: string
  readonly rest: string
  /** The line on which it begins. */
  readonly line: number
}

export const instructions = (text: string): ReadonlyArray<Instruction> => {
  const found: Array<Instruction> = []
  let open: { readonly line: number; readonly text: string } | undefined
  for (const [index, line] of text.split(/\r?\n/u).entries()) {
    if (/^\s*(#|$)/u.test(line)) continue
    const joined = `${open?.text ?? ""}${line.replace(/\\\s*$/u, " ")}`
    const start = open?.line ?? index + 1
    open = /\\\s*$/u.test(line) ? { line: start, text: joined } : undefined
    if (open !== undefined) continue
    const [keyword = "", ...rest] = joined.trim().split(/\s+/u)
    found.push({ keyword: keyword.toUpperCase(), rest: rest.join(" "), line: start })
  }
  return found
}

interface Rule {
  readonly keyword: string
  readonly holds: (rest: string) => boolean
  readonly otherwise: string
}

const words = (rest: string): ReadonlyArray<string> => rest.split(/[^A-Za-z0-9_./-]+/u)

const RULES: ReadonlyArray<Rule> = [
  {
    keyword: "HEALTHCHECK",
    holds: (rest) => rest.includes("CMD") && !words(rest).some((word) => /(^|\/)(curl|wget)$/u.test(word)),
    otherwise: "the final stage needs a HEALTHCHECK that uses neither curl nor wget: the image has neither"
  },
  { keyword: "USER", holds: (rest) => rest === "mcp", otherwise: "the final stage must end as USER mcp" },
  {
    keyword: "ENTRYPOINT",
    holds: (rest) => /^\[\s*"(\/[^"]*\/)?tini"/u.test(rest),
    otherwise: "the final stage needs an ENTRYPOINT in JSON form that begins with tini"
  },
  {
    keyword: "EXPOSE",
    holds: (rest) => /(^| )8080(\/tcp)?( |$)/u.test(rest),
    otherwise: "the final stage must EXPOSE 8080"
  },
  { keyword: "VOLUME", holds: (rest) => words(rest).includes("/data"), otherwise: "the final stage needs VOLUME /data" }
]

/** Each promise that the final stage breaks, and where. Of several instructions of a kind, the last one counts. */
export const broken = (text: string): ReadonlyArray<{ readonly line: number; readonly message: string }> => {
  const all = instructions(text)
  const from = all.findLastIndex(({ keyword }) => keyword === "FROM")
  const stage = all.slice(Math.max(0, from))
  return RULES.flatMap(({ holds, keyword, otherwise }) => {
    const last = stage.findLast((instruction) => instruction.keyword === keyword)
    if (last !== undefined && holds(last.rest)) return []
    return [{ line: last?.line ?? stage[0]?.line ?? 1, message: otherwise }]
  })
}
