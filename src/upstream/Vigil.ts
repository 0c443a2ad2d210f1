/** Watching over a connection: a server that is silent is pinged, and one that hangs is lost. `domain/Pulse` decides. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Pulse from "../domain/Pulse.ts"
import { ConnectionLost, type TransportError } from "./Transport.ts"

/** How it is found out whether a server is still there. */
export interface Vigil {
  readonly ping: Effect.Effect<unknown, TransportError | { readonly _tag: "Silent" }>
  /** How long it may be silent before it is pinged. */
  readonly every: Duration.Duration
  /** How long it may take to answer. */
  readonly within: Duration.Duration
  /** May it be asked anything at present? */
  readonly mayPing: Effect.Effect<boolean>
  /** Told when the server turns out not to answer pings, and when it does after all. */
  readonly noteUnanswered: (isUnanswered: boolean) => Effect.Effect<void>
}

/** What one look, of which there is one a second, is told. */
export type Sight = Pick<Pulse.Seen, "now" | "heardAt" | "calls" | "gaveUp">

/** One look at the connection; undefined as long as all is well. */
export type Look = (sight: Sight) => Effect.Effect<ConnectionLost | undefined>

const seconds = (duration: Duration.Duration): number => Math.ceil(Duration.toSeconds(duration))

/** `expired` is told where a ping finds the session ended. Pings live as long as `scope`. */
export const make = (
  { every, mayPing, noteUnanswered, ping, within }: Vigil,
  scope: Scope.Scope,
  expired: () => void
): Look => {
  const limits: Pulse.Limits = { every: seconds(every), within: seconds(within) }
  let pulse = Pulse.initial
  let pinging: Fiber.Fiber<void> | undefined

  /** Whatever comes back is a sign of life, an error too. */
  const asked = Effect.flatMap(Effect.result(ping), (answer) => {
    const error = Result.isFailure(answer) ? answer.failure._tag : undefined
    if (error === "ConnectionLost" || error === "Silent") return Effect.void
    if (error === "SessionExpired") expired()
    const { isNoted } = pulse
    pulse = Pulse.answered(pulse)
    return isNoted ? noteUnanswered(false) : Effect.void
  })

  return Effect.fnUntraced(function* (sight: Sight) {
    const [next, verdict] = Pulse.look(pulse, { ...sight, mayPing: yield* mayPing }, limits)
    pulse = next
    switch (verdict) {
      case "fine":
        return undefined
      case "unanswered":
        yield* noteUnanswered(true)
        return undefined
      case "ping":
        // One that was never answered is not waited for any longer.
        if (pinging !== undefined) yield* Fiber.interrupt(pinging)
        pinging = yield* Effect.forkIn(asked, scope)
        return undefined
      case "hung": {
        const reason = `it did not answer a ping within ${Duration.format(within)} (pingTimeout)`
        return new ConnectionLost({ reason, unsent: false, ending: "silent" })
      }
    }
  })
}
