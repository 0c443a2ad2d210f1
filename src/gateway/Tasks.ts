/**
 * Tasks of modern servers (SEP-2663): their ids are sealed with the server and the person that they belong to, so that what
 * is asked about a task finds its server, and only who began it can ask.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Request } from "../domain/ClientMessage.ts"
import { BadParams, MissingCapability, type ProxyError, UnknownMethod } from "../domain/Errors.ts"
import * as Frame from "../domain/Frame.ts"
import * as Json from "../domain/Json.ts"
import { EXTENSION } from "../domain/Protocol.ts"
import { ServerId, Subject } from "../domain/ServerId.ts"
import * as Translate from "../domain/Translate.ts"
import { Catalog } from "../fleet/Catalog.ts"
import * as Seal from "../keys/Seal.ts"
import type { Requester } from "./Requester.ts"
import type { Route } from "./Router.ts"

/** What a task id seals. */
const Sealed = Schema.Struct({ server: ServerId, task: Schema.String, subject: Subject })

const METHODS = new Set(["tasks/get", "tasks/update", "tasks/cancel"])

/** Is it about a task? */
export const concerns = (method: string): boolean => METHODS.has(method)

/** Did the client declare that it knows tasks? */
const knowsTasks = ({ caller }: Requester): boolean => {
  const extensions = caller.capabilities["extensions"]
  return typeof extensions === "object" && extensions !== null && EXTENSION.tasks in extensions
}

/** May this answer name a task? */
export const mayName = (method: string, frame: Frame.Frame): boolean =>
  concerns(method) || (method === "tools/call" && Translate.resultTypeOf(frame) === "task")

/** The task id in a result. */
const idIn = (frame: Frame.Frame): Json.Span | undefined =>
  frame.result === undefined ? undefined : Frame.at(frame, "taskId")

export const make = Effect.gen(function* () {
  const catalog = yield* Catalog
  const seal = yield* Seal.make("task", Sealed)

  /** Whose is the task that clients know by this id? None for what was not given to this person here. */
  const open = Effect.fnUntraced(function* ({ caller, endpoint }: Requester, id: string) {
    const opened = yield* seal.open(id)
    const { servers } = catalog.section(endpoint, caller.principal)
    return Option.filter(
      opened,
      ({ server, subject }) => subject === caller.principal.subject && servers.includes(server)
    )
  })

  return {
    open,
    /** Where a request about a task goes. */
    route: Effect.fnUntraced(function* (requester: Requester, request: Request): Effect.fn.Return<Route, ProxyError> {
      const { method, params } = request
      if (catalog.extensions(requester.endpoint, requester.caller)[EXTENSION.tasks] === undefined) {
        return yield* new UnknownMethod({ method })
      }
      if (!knowsTasks(requester))
        return yield* new MissingCapability({ needed: { extensions: { [EXTENSION.tasks]: {} } } })
      const id = params?.get("taskId")
      if (typeof id !== "string") return yield* new BadParams({ reason: `${method} needs params.taskId, a string` })
      const found = yield* open(requester, id)
      if (Option.isNone(found)) return yield* new BadParams({ reason: "Unknown task" })
      return { server: found.value.server, overrides: { taskId: found.value.task } }
    }),
    /** The edits by which a result names its task as the client knows it, or is to know it. */
    edits: Effect.fnUntraced(function* (requester: Requester, request: Request, server: ServerId, frame: Frame.Frame) {
      const span = idIn(frame)
      const task = Json.tryParse(frame.bytes, span)
      if (span === undefined || typeof task !== "string") return []
      const known = concerns(request.method) ? request.params?.get("taskId") : undefined
      const id = known ?? (yield* seal.seal({ server, task, subject: requester.caller.principal.subject }))
      return [{ span, by: Json.encode(id) }]
    })
  }
})
