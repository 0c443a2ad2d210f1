/** Calls in a closed loop over so many connections, every answer held against its request. */
import type { Answer, Connection } from "./Connection.ts"
import type { Prepared } from "./Messages.ts"
import { FIRST_ID, writeId } from "./Payload.ts"

/** A connection with requests of its own, which take turns, and in whose bytes the ids are written. */
export interface Lane {
  connection: Connection
  readonly requests: ReadonlyArray<Prepared>
}

export interface Measured {
  readonly answered: number
  /** Answers that were not the ones to their requests, each with what was wrong; at most a few are kept. */
  readonly failures: ReadonlyArray<string>
  readonly failed: number
  readonly seconds: number
  /** Microseconds from the first byte sent to the last received, in order of size. */
  readonly latencies: Float64Array
}

const MAX_KEPT = 3
const MAX_ID = 9_000_000

let lastId = FIRST_ID

const nextId = (): number => {
  lastId = lastId >= MAX_ID ? FIRST_ID + 1 : lastId + 1
  return lastId
}

const excerpt = ({ body, status }: Answer): string =>
  `HTTP ${status}: ${body.subarray(0, 300).toString()}${body.length > 300 ? ` … (${body.length} bytes)` : ""}`

const PROGRESS = "notifications/progress"

const count = (body: Buffer, what: string): number => {
  let found = 0
  for (let at = body.indexOf(what); at >= 0; at = body.indexOf(what, at + what.length)) found++
  return found
}

const ESCAPED_ERROR = /"error":\s*\{|"isError":\s*true/u

/** What is wrong with an answer; undefined: nothing. */
export const complaint = (request: Prepared, id: number, answer: Answer): string | undefined => {
  if (answer.status !== 200) return excerpt(answer)
  const { body } = answer
  const [begin, end] = request.payload
  const length = end - begin
  let around: string
  if (length > 0) {
    const at = body.indexOf(`#${id}`)
    if (at < 0 || at + length > body.length) return `the payload of ${id} is not in ${excerpt(answer)}`
    if (request.bytes.compare(body, at, at + length, begin, end) !== 0) return `another payload than that of ${id}`
    around =
      body.toString("latin1", Math.max(0, at - 1024), at) + body.toString("latin1", at + length, at + length + 1024)
  } else {
    around =
      body.length <= 4096
        ? body.toString("latin1")
        : body.toString("latin1", 0, 2048) + body.toString("latin1", body.length - 2048)
  }
  if (!around.includes(`"id":${id}`)) return `not the answer to ${id}: ${excerpt(answer)}`
  if (ESCAPED_ERROR.test(around)) return `an error: ${excerpt(answer)}`
  if (request.progress > 0) {
    const told = count(body, PROGRESS)
    if (told !== request.progress) return `${told} of ${request.progress} progress notifications`
  }
  return undefined
}

/** When a run ends: after so long, but not before each connection has had so many answers; or after so many in all. */
export interface Until {
  readonly millis?: number
  readonly atLeast?: number
  readonly total?: number
}

/** Runs to the end, which every request sent is answered before. */
export const run = (lanes: ReadonlyArray<Lane>, until: Until): Promise<Measured> =>
  new Promise((resolve) => {
    const { atLeast = 1, millis = 0, total = Infinity } = until
    const latencies: Array<number> = []
    const failures: Array<string> = []
    let failed = 0
    let sent = 0
    let open = lanes.length
    const start = performance.now()
    const deadline = start + millis
    const fail = (what: string): void => {
      failed++
      if (failures.length < MAX_KEPT) failures.push(what)
    }
    const stop = (): void => {
      if (--open > 0) return
      resolve({
        answered: latencies.length,
        failures,
        failed,
        seconds: (performance.now() - start) / 1000,
        latencies: Float64Array.from(latencies).sort()
      })
    }
    const drive = ({ connection, requests }: Lane): void => {
      let had = 0
      const next = (): void => {
        const isOver = total === Infinity ? performance.now() >= deadline && had >= atLeast : sent >= total
        const request = requests[had % requests.length]
        if (isOver || request === undefined) return stop()
        const { bytes, ids } = request
        sent++
        const id = nextId()
        for (const at of ids) writeId(bytes, at, id)
        const before = performance.now()
        connection.send(
          bytes,
          (answer) => {
            latencies.push((performance.now() - before) * 1000)
            had++
            const wrong = complaint(request, id, answer)
            if (wrong !== undefined) fail(wrong)
            next()
          },
          (error) => {
            fail(error.message)
            stop()
          }
        )
      }
      next()
    }
    for (const lane of lanes) drive(lane)
  })

/** The value below which such a share of them lies. */
export const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
