/** Which endpoints there are, for whom. */
import * as Effect from "effect/Effect"
import type { Principal } from "../domain/Principal.ts"
import { CODE } from "../domain/Protocol.ts"
import { slug } from "../domain/ServerId.ts"
import { Catalog, type Endpoint } from "../fleet/Catalog.ts"
import { Fleet } from "../fleet/Fleet.ts"
import { refuse } from "./Responses.ts"

/** The name that a path segment stands for. */
export const nameIn = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** The answer at `/mcp/{segment}` where there is no such server, or none for who asks. */
export const unknownServer = (segment: string) =>
  refuse(404, CODE.invalidRequest, `There is no server named ${JSON.stringify(segment)} here`)

/** Finds the endpoint at `/mcp/{segment}`; none of a server of which the principal may use nothing. */
export const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  const catalog = yield* Catalog
  return (segment: string, principal: Principal): Endpoint | undefined => {
    const name = nameIn(segment)
    const found = fleet.config().servers.find(({ id }) => slug(id) === name || id === name)
    const endpoint = found === undefined ? undefined : ({ _tag: "One", server: found.id } as const)
    return endpoint !== undefined && catalog.exists(endpoint, principal) ? endpoint : undefined
  }
})
