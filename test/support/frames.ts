/** Frames for tests. */
import * as Frame from "../../src/domain/Frame.ts"
import * as Json from "../../src/domain/Json.ts"

/** A message as it would come from a server. */
export const frameOf = (message: object): Frame.Frame => {
  const frame = Frame.read(Json.encode(message))
  if (!Frame.isFrame(frame)) throw new Error(frame.malformed)
  return frame
}
