/** The suite as a client of an authorization server: it prints where a person is to go, and waits for the code. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { type Outcome, remarks, tally } from "./compare.ts"
import { run, scenarios } from "./suite.ts"
import { authorization } from "./suites.ts"

export interface Target {
  /** For people. */
  readonly name: string
  readonly issuer: string
  /** A client that is registered there for this port's callback. */
  readonly clientId: string
  readonly port: number
  readonly resource?: string
  /** The person: from the suite's request to its callback. */
  readonly visit: (url: string) => Effect.Effect<void>
}

/** Where the suite waits for the code. */
export const callbackOf = (port: number): string => `http://127.0.0.1:${port}/callback`

/** It prints its request before it listens for the answer. */
const LISTENING = "Callback server started"
const REQUEST = /^https?:\/\/\S+[?&]response_type=code&\S+$/mu

/** Runs it. A visit that does not come to its end ends the run. */
export const checkAuthorization = Effect.fnUntraced(function* (target: Target) {
  const { clientId, issuer, name, port, resource, visit } = target
  const asked = Deferred.makeUnsafe<string>()
  const more = [
    "--client-id",
    clientId,
    "-p",
    String(port),
    ...(resource === undefined ? [] : ["--resource", resource])
  ]
  const listed = yield* scenarios(authorization)
  const { code, output, results } = yield* Effect.raceFirst(
    run(authorization, listed, issuer, more, (printed) => {
      const found = REQUEST.exec(printed)
      if (found !== null && printed.includes(LISTENING)) Deferred.doneUnsafe(asked, Effect.succeed(found[0]))
    }),
    Deferred.await(asked).pipe(Effect.flatMap(visit), Effect.andThen(Effect.never))
  )
  const counts = tally(listed, results, results)
  const title = `${authorization.label} ${name}`
  const found = remarks(listed, results, results)
  const all = found.length === 0 && code !== 0 ? [`exit code ${code}\n${output}`] : found
  return { title, tally: counts, remarks: all.map((remark) => `${title}: ${remark}`) } satisfies Outcome & {
    readonly title: string
  }
})
