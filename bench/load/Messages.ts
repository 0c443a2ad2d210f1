/** The requests of the load client, in the words of either era, as one buffer each with room for an id. */
import { HEADER, META } from "../../src/domain/Protocol.ts"
import { FIRST_ID, payload } from "./Payload.ts"

export type Era = "legacy" | "modern"

export const REVISION: Readonly<Record<Era, string>> = { legacy: "2025-11-25", modern: "2026-07-28" }

/** What the client would rather be answered with. */
export type Answers = "json" | "stream" | "only json"

const ACCEPT: Readonly<Record<Answers, string>> = {
  json: "application/json, text/event-stream",
  stream: "text/event-stream, application/json",
  "only json": "application/json"
}

/** Where a client sends, and what it says of itself with each request. */
export interface Address {
  readonly host: string
  readonly port: number
  readonly path: string
  readonly era: Era
  readonly answers: Answers
  readonly headers: Readonly<Record<string, string>>
}

/** A request as it goes over the wire. One at a time may be under way, for ids are written into it. */
export interface Prepared {
  readonly bytes: Buffer
  /** Where the id stands: in the envelope, and in the payload. */
  readonly ids: ReadonlyArray<number>
  /** From the payload's first byte to behind its last; the same where there is none to come back. */
  readonly payload: readonly [number, number]
  /** How many progress notifications come before the answer. */
  readonly progress: number
}

const ENVELOPE = {
  [META.protocolVersion]: REVISION.modern,
  [META.clientCapabilities]: {},
  [META.clientInfo]: { name: "bench", version: "1" }
}

/** The head of a POST, but for its length. */
const head = (address: Address, method: string, name: string | undefined): ReadonlyArray<string> => [
  `POST ${address.path} HTTP/1.1`,
  `host: ${address.host}:${address.port}`,
  "content-type: application/json",
  `accept: ${ACCEPT[address.answers]}`,
  ...(method === "initialize" ? [] : [`${HEADER.protocolVersion}: ${REVISION[address.era]}`]),
  ...(address.era === "legacy" ? [] : [`${HEADER.method}: ${method}`]),
  ...(address.era === "legacy" || name === undefined ? [] : [`${HEADER.name}: ${name}`]),
  ...Object.entries(address.headers).map(([key, value]) => `${key}: ${value}`)
]

/** A POST of a text. */
export const post = (address: Address, method: string, name: string | undefined, body: string): Buffer => {
  const lines = [...head(address, method, name), `content-length: ${Buffer.byteLength(body)}`, "", ""]
  return Buffer.from(lines.join("\r\n") + body)
}

const metaOf = (era: Era, progressToken: number | undefined): object | undefined => {
  const token = progressToken === undefined ? {} : { progressToken }
  if (era === "modern") return { ...ENVELOPE, ...token }
  return progressToken === undefined ? undefined : token
}

/** The parameters of a request, with what its era wants beside them. */
export const params = (era: Era, own: object, progressToken?: number): object => {
  const meta = metaOf(era, progressToken)
  return meta === undefined ? own : { ...own, _meta: meta }
}

const positions = (bytes: Buffer): ReadonlyArray<number> => {
  const found: Array<number> = []
  const wanted = String(FIRST_ID)
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) found.push(at)
  return found
}

const prepare = (bytes: Buffer, echoed: number, progress = 0): Prepared => {
  const ids = positions(bytes)
  const begin = bytes.indexOf(`#${FIRST_ID}`)
  return { bytes, ids, payload: echoed === 0 ? [0, 0] : [begin, begin + echoed], progress }
}

const message = (method: string, own: object): string =>
  `{"jsonrpc":"2.0","id":${FIRST_ID},"method":"${method}","params":${JSON.stringify(own)}}`

/** A call of the tool that gives its argument back: a payload of so many bytes. */
export const echo = (address: Address, bytes: number, tool = "echo"): Prepared => {
  const text = payload(bytes)
  const own = JSON.stringify(params(address.era, { name: tool, arguments: { message: "" } }))
  // The payload is JSON already.
  const body = `{"jsonrpc":"2.0","id":${FIRST_ID},"method":"tools/call","params":${own.replace('"message":""', () => `"message":"${text}"`)}}`
  return prepare(post(address, "tools/call", tool, body), text.length)
}

/** A call of another tool, of whose answer only the envelope is looked at. */
export const call = (address: Address, tool: string, given: object, progress = 0): Prepared => {
  const own = params(address.era, { name: tool, arguments: given }, progress > 0 ? FIRST_ID : undefined)
  return prepare(post(address, "tools/call", tool, message("tools/call", own)), 0, progress)
}

/** A request that is no call. */
export const request = (address: Address, method: string, own: object = {}): Prepared =>
  prepare(post(address, method, undefined, message(method, params(address.era, own))), 0)

/** `initialize`, for legacy sessions. */
export const initialize = (address: Address): Buffer =>
  post(
    address,
    "initialize",
    undefined,
    JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: REVISION.legacy,
        capabilities: {},
        clientInfo: { name: "bench", version: "1" }
      }
    })
  )

export const initialized = (address: Address): Buffer =>
  post(
    address,
    "notifications/initialized",
    undefined,
    JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })
  )

/** A standing stream of a legacy session. */
export const standing = (address: Address): Buffer => {
  const [, ...rest] = head({ ...address, answers: "stream" }, "GET", undefined)
  return Buffer.from([`GET ${address.path} HTTP/1.1`, ...rest, "", ""].join("\r\n"))
}
