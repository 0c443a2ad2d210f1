/**
 * What the benchmark's own servers answer: a tool's argument given back without parsing it, and some that are slow, large
 * or chatty. The same over stdio and over HTTP.
 */
import { END } from "../load/Payload.ts"

export type Era = "legacy" | "modern"

export interface Behaviour {
  readonly era: Era
  /** How many tools are listed: the known ones first, and then `tool_0` and so on. */
  readonly tools: number
}

interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: Readonly<Record<string, unknown>>
    readonly _meta?: { readonly progressToken?: number | string }
    readonly protocolVersion?: string
  }
}

/** Says something: a whole message, in pieces. `last`: nothing comes after it. */
export type Say = (pieces: ReadonlyArray<Uint8Array>, last: boolean) => void

/** The tools that every one of these servers has. `forbidden` is for policies to deny. */
const KNOWN = ["echo", "sink", "large", "slow", "chatty", "forbidden"]

const MARK = Buffer.from('"message":"#')
const TAIL = Buffer.from(`${END}"`)
const ID = /"id":\s*("[^"]*"|\d+)/u

const utf8 = (text: string): Buffer => Buffer.from(text)

const describe = (name: string): object => ({
  name,
  description: `The tool ${name} of a server that exists to be measured, described as long as descriptions are.`,
  inputSchema: { type: "object", properties: { message: { type: "string", description: "What is given back" } } }
})

/** Where the bytes say so, `MARK` and `TAIL` are the ends of the argument, and what comes before and after is short. */
const echo = (era: Era, line: Buffer): ReadonlyArray<Uint8Array> | undefined => {
  const mark = line.indexOf(MARK)
  if (mark < 0) return undefined
  const begin = mark + MARK.length - 1
  const end = line.indexOf(TAIL, begin)
  if (end < 0) return undefined
  const id = (ID.exec(line.toString("latin1", 0, begin)) ?? ID.exec(line.toString("latin1", end)))?.[1]
  if (id === undefined) return undefined
  const type = era === "modern" ? '"resultType":"complete",' : ""
  const before = `{"jsonrpc":"2.0","id":${id},"result":{${type}"content":[{"type":"text","text":"`
  const text = line.subarray(begin, end + END.length)
  return [utf8(before), text, utf8('"}]}}')]
}

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** `large`: text of so many bytes, ready before it is asked for. */
let prepared: Buffer = Buffer.alloc(0)
const large = (bytes: number): Buffer => {
  if (prepared.length !== bytes) prepared = Buffer.alloc(bytes, "x")
  return prepared
}

/** Answers messages until there are no more. */
export const make = ({ era, tools }: Behaviour) => {
  const own = era === "modern" ? { resultType: "complete" } : {}
  const listed = [...KNOWN, ...Array.from({ length: Math.max(0, tools - KNOWN.length) }, (_, index) => `tool_${index}`)]
    .slice(0, tools)
    .map(describe)

  const call = async ({ id, params = {} }: Message, say: Say): Promise<void> => {
    const given = params.arguments ?? {}
    const answer = (text: string): void =>
      say([utf8(JSON.stringify({ jsonrpc: "2.0", id, result: { ...own, content: [{ type: "text", text }] } }))], true)
    if (params.name === "slow") {
      await sleep(Number(given["millis"]))
      answer("slowly")
    } else if (params.name === "chatty") {
      const { _meta: meta } = params
      const progressToken = meta?.progressToken
      const total = Number(given["steps"])
      for (let progress = 1; progress <= total; progress++) {
        const told = { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress, total } }
        say([utf8(JSON.stringify(told))], false)
      }
      answer("said it all")
    } else if (params.name === "large") {
      const [before, after] = JSON.stringify({
        jsonrpc: "2.0",
        id,
        result: { ...own, content: [{ type: "text", text: "|" }] }
      }).split("|")
      say([utf8(before ?? ""), large(Number(given["bytes"])), utf8(after ?? "")], true)
    } else if (params.name === "sink") answer("taken")
    else answer(String(given["message"]))
  }

  const result = ({ method, params }: Message): object | undefined => {
    const capabilities = { tools: {} }
    const serverInfo = { name: "bench", version: "1" }
    switch (method) {
      case "initialize":
        return { protocolVersion: params?.protocolVersion ?? "2025-11-25", capabilities, serverInfo }
      case "server/discover":
        return era === "modern"
          ? { ...own, ttlMs: 600_000, cacheScope: "public", supportedVersions: ["2026-07-28"], capabilities }
          : undefined
      case "tools/list":
        return { ...own, ...(era === "modern" ? { ttlMs: 600_000, cacheScope: "public" } : {}), tools: listed }
      case "ping":
        return {}
      default:
        return undefined
    }
  }

  return {
    /** Answers one message; what needs no answer gets none, and `say` is not called. */
    receive: (line: Buffer, say: Say): void => {
      const echoed = echo(era, line)
      if (echoed !== undefined) return say(echoed, true)
      // Its argument is not looked at.
      const isSink = line.length > 65_536 && line.includes('"name":"sink"')
      const short = isSink
        ? Buffer.concat([line.subarray(0, line.indexOf('"x') + 1), line.subarray(line.lastIndexOf('x"') + 1)])
        : line
      const message = JSON.parse(short.toString()) as Message
      if (message.id === undefined) return
      if (message.method === "tools/call") {
        void call(message, say)
        return
      }
      const found = result(message)
      const said =
        found === undefined
          ? { jsonrpc: "2.0", id: message.id, error: { code: -32601, message: `There is no ${message.method}` } }
          : { jsonrpc: "2.0", id: message.id, result: found }
      say([utf8(JSON.stringify(said))], true)
    },
    /** Does a message want an answer? Only asked of short ones. */
    isNotification: (line: Buffer): boolean => line.length < 4096 && !line.includes('"id":')
  }
}

/** The options of a server's command line: `--era modern --tools 10 --hang`. */
export const options = (args: ReadonlyArray<string>) => {
  const value = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`)
    return at < 0 ? undefined : args[at + 1]
  }
  return {
    era: value("era") === "modern" ? ("modern" as const) : ("legacy" as const),
    tools: Number(value("tools") ?? KNOWN.length),
    port: Number(value("port") ?? 0),
    isStream: args.includes("--stream"),
    /** Takes everything and answers nothing. */
    hangs: args.includes("--hang")
  }
}
