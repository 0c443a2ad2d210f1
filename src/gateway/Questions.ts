/** What a server may ask the client of a call. */
import * as Predicate from "effect/Predicate"
import * as Frame from "../domain/Frame.ts"
import { type Capabilities, QUESTION_CAPABILITY } from "../domain/Protocol.ts"

/** Can the client be asked to have a URL visited? */
export const mayVisit = ({ elicitation }: Capabilities): boolean =>
  Predicate.isReadonlyObject(elicitation) && elicitation["url"] !== undefined

/** Did the client declare what this question needs? */
export const mayBeAsked = (capabilities: Capabilities, question: Frame.Frame): boolean => {
  const name = QUESTION_CAPABILITY.get(question.method)
  const capability = name === undefined ? undefined : capabilities[name]
  if (capability === undefined) return false
  if (name !== "elicitation" || Frame.valueAt(question, "mode") !== "url") return true
  return mayVisit(capabilities)
}
