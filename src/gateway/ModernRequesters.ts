/** Modern clients have no sessions: who asks is made out anew with each request, and remembered for the next. */
import type { Envelope } from "../domain/Envelope.ts"
import { ownerOf } from "../domain/Owner.ts"
import { type Principal, sameAccount } from "../domain/Principal.ts"
import { LATEST_LEGACY } from "../domain/Protocol.ts"
import { SessionKey } from "../domain/ServerId.ts"
import type { Endpoint } from "../fleet/Catalog.ts"
import type { Requester } from "./Requester.ts"

/** How many are remembered; who is forgotten is made out anew. */
const MAX_REMEMBERED = 10_000

/** Gives equal requesters one object, so that what is computed for a caller is computed once. */
export class ModernRequesters {
  private readonly remembered = new Map<string, Requester>()

  of(principal: Principal, endpoint: Endpoint, { capabilities, client }: Envelope): Requester {
    const where = endpoint._tag === "One" ? endpoint.server : null
    const key = JSON.stringify([principal.subject, principal.clientId, where, client, capabilities])
    const known = this.remembered.get(key)
    if (known !== undefined && sameAccount(known.caller.principal, principal)) return known
    const made: Requester = {
      caller: { principal, session: undefined, capabilities, revision: LATEST_LEGACY },
      owner: ownerOf({ principal, session: undefined }),
      endpoint,
      client,
      key: SessionKey.make(`modern ${JSON.stringify([principal.subject, principal.clientId])}`)
    }
    this.remembered.delete(key)
    this.remembered.set(key, made)
    const [oldest] = this.remembered.keys()
    if (this.remembered.size > MAX_REMEMBERED && oldest !== undefined) this.remembered.delete(oldest)
    return made
  }
}
