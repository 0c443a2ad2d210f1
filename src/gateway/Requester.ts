/** Who makes requests, as far as routing, lists, permissions and records go, whatever the era. */
import type { Owner } from "../domain/Owner.ts"
import type { Caller } from "../domain/Lane.ts"
import type { SessionKey } from "../domain/ServerId.ts"
import type { Endpoint } from "../fleet/Catalog.ts"

/** What a client says of itself. For display only. */
export interface ClientName {
  readonly name: string
  readonly version?: string | undefined
}

export interface Requester {
  readonly caller: Caller
  /** Whose bounds its requests count towards. */
  readonly owner: Owner | undefined
  readonly endpoint: Endpoint
  readonly client: ClientName
  /**
   * Whose calls may be taken for each other's where a server does not say which it speaks of: a session's, or those that
   * one principal makes through one client.
   */
  readonly key: SessionKey
}
