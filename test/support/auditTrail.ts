/** Audit trails on disk, and threads that do as a test says. */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Audit } from "../../src/access/Audit.ts"
import type * as AuditReader from "../../src/access/AuditReader.ts"
import { AuditThread, type Start, ThreadDied } from "../../src/access/AuditThread.ts"
import * as AuditTrail from "../../src/access/AuditTrail.ts"
import type { Reply, Request } from "../../src/access/AuditWorker.ts"
import type { AuditEvent, AuditRecord } from "../../src/domain/AuditRecord.ts"
import { recordsOf } from "./packed.ts"

type Kept = AuditTrail.Options["settings"]

const settings: Kept = {
  enabled: true,
  arguments: false,
  mask: ["token"],
  path: Option.none(),
  retention: Duration.days(90),
  maxSize: 1_000_000_000
}

/** A trail for as long as the scope lives. */
export const trail = (database: string, changes: Partial<Kept> = {}) =>
  Effect.map(Layer.build(AuditTrail.layer({ database, settings: { ...settings, ...changes } })), (context) =>
    Context.get(context, Audit)
  )

export const call = (target: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  kind: "call",
  outcome: "ok",
  target,
  ...more
})

export const everything: AuditReader.Query = {
  user: undefined,
  tool: undefined,
  server: undefined,
  outcome: undefined,
  since: undefined,
  limit: 1_000_000
}

export const targets = (records: ReadonlyArray<AuditRecord>) => records.map(({ target }) => target)

/** Waits until it holds, looking every 20 ms. */
export const eventually = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep(20), eventually(holds)))).pipe(
    Effect.timeoutOrElse({ duration: "20 seconds", orElse: () => Effect.die(new Error(`still not: ${holds}`)) })
  )

export const onDisk = (audit: Audit["Service"]) => eventually(() => audit.status().waiting === 0)

/** Threads that do what the test says, and everything that they were asked. */
export const threads = (reply: (request: Request) => Effect.Effect<Reply>) => {
  const asked: Array<Request> = []
  const ends: Array<Deferred.Deferred<never, ThreadDied>> = []
  const start: Start = () =>
    Effect.sync(() => {
      const end = Deferred.makeUnsafe<never, ThreadDied>()
      ends.push(end)
      return {
        ask: (request) =>
          Effect.suspend(() => {
            asked.push(request)
            return reply(request)
          }),
        died: Deferred.await(end)
      }
    })
  const kill = Effect.suspend(() => Deferred.fail(ends.at(-1)!, new ThreadDied({ reason: "shot" })))
  const batches = () => asked.flatMap((request) => (request._tag === "Batch" ? [request] : []))
  const written = (): ReadonlyArray<AuditRecord> => batches().flatMap(({ records }) => recordsOf(records))
  return { asked, batches, written, kill, lives: () => ends.length, layer: Layer.succeed(AuditThread, start) }
}
