/** Where an `oidc-provider` of a test keeps things: a map of its own. */
import type { Adapter, AdapterPayload } from "oidc-provider"

/** An adapter class over one new map. */
export const memoryAdapter = () => {
  const rows = new Map<string, AdapterPayload>()

  return class MemoryAdapter implements Adapter {
    private readonly model: string

    constructor(model: string) {
      this.model = model
    }

    upsert(id: string, payload: AdapterPayload): Promise<void> {
      rows.set(`${this.model}:${id}`, payload)
      return Promise.resolve()
    }

    find(id: string): Promise<AdapterPayload | undefined> {
      return Promise.resolve(rows.get(`${this.model}:${id}`))
    }

    findByUserCode(): Promise<undefined> {
      return Promise.resolve(undefined)
    }

    findByUid(uid: string): Promise<AdapterPayload | undefined> {
      return Promise.resolve([...rows.values()].find((payload) => payload.uid === uid))
    }

    consume(id: string): Promise<void> {
      const row = rows.get(`${this.model}:${id}`)
      // oidc-provider counts in seconds, by the machine's own clock.
      if (row !== undefined) row["consumed"] = Math.floor(Date.now() / 1000)
      return Promise.resolve()
    }

    destroy(id: string): Promise<void> {
      rows.delete(`${this.model}:${id}`)
      return Promise.resolve()
    }

    revokeByGrantId(grantId: string): Promise<void> {
      for (const [key, payload] of rows) if (payload.grantId === grantId) rows.delete(key)
      return Promise.resolve()
    }
  }
}
