/** What a token costs that the proxy has seen before, and one that it has not. */
import { createHash } from "node:crypto"
import { Connection } from "../load/Connection.ts"
import * as Load from "../load/Load.ts"
import * as Messages from "../load/Messages.ts"
import { sleep } from "../machine/Launch.ts"
import { cpu, cpuBetween } from "../machine/Usage.ts"
import { median } from "../report/Statistics.ts"
import { launchOurs, listening, serverEntry, signIn } from "../targets/ours.ts"
import { addressOf, HOST, ready } from "../targets/Target.ts"
import { scene } from "./calls.ts"
import type { Case } from "./section.ts"

/** As many as the proxy lets one address renew in a minute, and some room. */
const TOKENS = 400
const ROUNDS = 3
const FRONT = { answers: "json", era: "modern" } as const

interface Renewed {
  readonly access_token: string
  readonly refresh_token: string
}

/** So many tokens of one person, by renewing again and again. */
const mint = async (port: number): Promise<ReadonlyArray<string>> => {
  let { access, refresh } = await signIn(port)
  const [, claims = ""] = access.split(".")
  const { client_id } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { readonly client_id: string }
  const all = [access]
  while (all.length < TOKENS) {
    const body = new URLSearchParams({ grant_type: "refresh_token", client_id, refresh_token: refresh })
    const response = await fetch(`http://${HOST}:${port}/token`, { method: "POST", body })
    if (response.status !== 200) throw new Error(`/token: HTTP ${response.status} ${await response.text()}`)
    const renewed = (await response.json()) as Renewed
    access = renewed.access_token
    refresh = renewed.refresh_token
    all.push(access)
  }
  const different = new Set(all.map((token) => createHash("sha256").update(token).digest("hex"))).size
  if (different !== TOKENS) throw new Error(`${different} different tokens of ${TOKENS}`)
  return all
}

export const tokens: Case = {
  name: "tokens",
  run: async ({ programs }) => {
    const { upstream } = await scene(programs, "stdio", "json", "modern")
    const options = { mode: "shipped", servers: { echo: serverEntry(upstream) } } as const
    const minting = await launchOurs(options)
    const problems: Array<string> = []
    const found = { unseen: [] as Array<number>, seen: [] as Array<number> }
    try {
      await listening(minting)
      const all = await mint(minting.port)
      const warmUp = await signIn(minting.port)
      await minting.halt()
      for (let round = 0; round < ROUNDS; round++) {
        // Another process in the same place: what it has seen before, it has forgotten.
        const running = await launchOurs({ ...options, folder: minting.folder, port: minting.port })
        try {
          const headersOf = (token: string) => ({ authorization: `Bearer ${token}` })
          const signedIn = { ...running, headers: headersOf(warmUp.access) }
          await listening(running)
          await ready(running.launched, signedIn, FRONT)
          const connection = await Connection.open(HOST, running.port)
          const prepared = (token: string) =>
            Messages.echo(addressOf({ ...running, headers: headersOf(token) }, FRONT), 100)
          const pass = async (requests: ReadonlyArray<Messages.Prepared>): Promise<number> => {
            const before = cpu(running.pid)
            const { failed, failures } = await Load.run([{ connection, requests }], { total: requests.length })
            if (failed > 0) problems.push(`tokens: ${failures[0]}`)
            await sleep(250)
            return cpuBetween(before, cpu(running.pid)) / requests.length
          }
          const known = prepared(warmUp.access)
          await pass(Array.from({ length: 3000 }, () => known))
          const requests = all.map(prepared)
          found.unseen.push(await pass(requests))
          found.seen.push(await pass(requests))
          connection.close()
        } finally {
          await running.halt()
        }
      }
    } finally {
      await minting.stop()
    }
    return {
      section: {
        title: "Tokens",
        about: `${TOKENS} access tokens of a person, one call with each at concurrency 1, modern, 100 B; then the same once more. Medians of ${ROUNDS} processes.`,
        columns: ["unseen, CPU µs/request", "seen, CPU µs/request", "difference"],
        figures: [
          {
            target: "ours, as shipped",
            values: {
              "unseen, CPU µs/request": median(found.unseen),
              "seen, CPU µs/request": median(found.seen),
              difference: median(found.unseen.map((unseen, round) => unseen - (found.seen[round] ?? Number.NaN)))
            }
          }
        ]
      },
      problems: [...new Set(problems)]
    }
  }
}
