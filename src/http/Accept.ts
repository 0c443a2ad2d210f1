/** Which media types a client takes. Lenient: no Accept header, and wildcards, mean anything. Pure. */

export interface Accepted {
  readonly json: boolean
  readonly stream: boolean
  /** Is a stream what it names first? Clients that leave the choice to the server name JSON first. */
  readonly prefersStream: boolean
}

const names = (accept: string, type: string): boolean => {
  const [group] = type.split("/")
  return accept.split(",").some((item) => {
    const [range = "", ...params] = item.split(";").map((part) => part.trim().toLowerCase())
    const isRefused = params.some((param) => /^q=0(\.0*)?$/u.test(param))
    return !isRefused && (range === type || range === "*/*" || range === `${group}/*`)
  })
}

/** Reads an Accept header. */
export const read = (accept: string | undefined): Accepted => {
  if (accept === undefined || accept.trim() === "") return { json: true, stream: true, prefersStream: false }
  const stream = names(accept, "text/event-stream")
  return {
    json: names(accept, "application/json"),
    stream,
    prefersStream: stream && /^\s*text\/event-stream\s*(,|;|$)/iu.test(accept)
  }
}

/** Is this the content type of a JSON body? */
export const isJson = (contentType: string | undefined): boolean =>
  /^application\/json\s*(;.*)?$/iu.test(contentType?.trim() ?? "")
