/** Which media types a client takes. Lenient: no Accept header, and wildcards, mean anything. Pure. */

import { remembering } from "../domain/Remembering.ts"

export interface Accepted {
  readonly json: boolean
  readonly stream: boolean
  /** Is a stream what it names first? Clients that leave the choice to the server name JSON first. */
  readonly prefersStream: boolean
}

const isRefused = (parameters: ReadonlyArray<string>): boolean => parameters.some((one) => /^q=0(\.0*)?$/u.test(one))

/** Does the header take that type? The most specific range that it names has the word (RFC 9110, 12.5.1). */
const names = (accept: string, type: string): boolean => {
  const [group] = type.split("/")
  const ranges = new Map(
    accept.split(",").map((item): [string, boolean] => {
      const [range = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase())
      return [range, !isRefused(parameters)]
    })
  )
  return ranges.get(type) ?? ranges.get(`${group}/*`) ?? ranges.get("*/*") ?? false
}

const ANYTHING: Accepted = { json: true, stream: true, prefersStream: false }

const readText = (accept: string): Accepted => {
  if (accept.trim() === "") return ANYTHING
  const stream = names(accept, "text/event-stream")
  return {
    json: names(accept, "application/json"),
    stream,
    prefersStream: stream && /^\s*text\/event-stream\s*(,|;|$)/iu.test(accept)
  }
}

/** Clients send the same few with every request. */
const readOnce = remembering(readText)

/** Reads an Accept header. */
export const read = (accept: string | undefined): Accepted => (accept === undefined ? ANYTHING : readOnce(accept))

/** Is this the content type of a JSON body? */
export const isJson = (contentType: string | undefined): boolean =>
  contentType === "application/json" || /^application\/json\s*(;.*)?$/iu.test(contentType?.trim() ?? "")
