/** Messages of our own, and what is read of the answers to them. */
import * as Predicate from "effect/Predicate"
import type * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import type * as Pieces from "../domain/Pieces.ts"

type Params = Readonly<Record<string, unknown>>

/** One request of our own. */
export const encodeRequest =
  (method: string, params?: Params) =>
  (id: number): Pieces.Pieces => [
    Json.encode({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) })
  ]

export const encodeNotification = (method: string): Uint8Array => Json.encode({ jsonrpc: "2.0", method })

/** The error of an answer in words; undefined where it is a result. */
export const errorOf = (frame: Frame.Frame): string | undefined => {
  if (frame.error === undefined) return undefined
  try {
    const error = Json.parse(frame.bytes, frame.error)
    const message = Predicate.isReadonlyObject(error) ? error["message"] : undefined
    return typeof message === "string" ? message : "an error without a message"
  } catch {
    return "an error that is not JSON"
  }
}
