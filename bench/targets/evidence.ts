/** Did the calls of a proxy as shipped go through sign-in, policy, audit and metrics, every one of them? */
import { existsSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Connection } from "../load/Connection.ts"
import * as Messages from "../load/Messages.ts"
import { sleep } from "../machine/Launch.ts"
import { addressOf, begin, type Counted, type Evidence, HOST, listOnce, type Running } from "./Target.ts"

const METHODS: ReadonlyArray<Counted> = ["tools/call", "tools/list"]

/** The counter of finished requests. */
const COUNTER = "mcp_proxy_calls_total"

/** Said of a proxy that has no metrics: then it is not measured as it is shipped. */
export const NO_METRICS = "metrics: not there"

const PATIENCE_MILLIS = 20_000

/** How many requests that went well the trail has, by method, of people who are signed in. */
export const audited = (path: string, method: Counted): number => {
  if (!existsSync(path)) return 0
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    const row = database
      .prepare(
        "SELECT count(*) AS n FROM records WHERE subject IS NOT NULL AND json_extract(record, '$.kind') = 'call' AND json_extract(record, '$.method') = ? AND json_extract(record, '$.outcome') = 'ok'"
      )
      .get(method)
    return Number(row?.["n"])
  } finally {
    database.close()
  }
}

const label = (series: string, name: string): string | undefined =>
  new RegExp(`[{,]${name}="([^"]*)"`, "u").exec(series)?.[1]

/** Where series do not say of which method they are, those with a tool are of calls. */
const methodOf = (series: string): string | undefined =>
  label(series, "method") ?? ((label(series, "tool") ?? "") === "" ? undefined : "tools/call")

/** The sum of the counter over all series of requests of a method that went well. */
export const counted = (exposition: string, method: Counted): number =>
  exposition
    .split("\n")
    .filter((line) => line.startsWith(`${COUNTER}{`) && label(line, "outcome") === "ok" && methodOf(line) === method)
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)

/** The exposition, or undefined where there is none. */
const metricsOf = async ({ port }: Pick<Running, "port">): Promise<string | undefined> => {
  const response = await fetch(`http://${HOST}:${port}/metrics`)
  const text = await response.text()
  return response.status === 200 ? text : undefined
}

/** Waits until the trail has nothing left to write. */
const settled = async ({ port }: Pick<Running, "port">): Promise<string | undefined> => {
  const deadline = performance.now() + PATIENCE_MILLIS
  for (;;) {
    const { audit } = (await (await fetch(`http://${HOST}:${port}/ready`)).json()) as {
      readonly audit?: { readonly waiting?: number; readonly lost: number; readonly fault?: string | null }
    }
    if (audit === undefined) return "there is no audit trail"
    if (audit.lost > 0) return `the audit trail has lost ${audit.lost} records`
    if (audit.waiting === 0) return undefined
    if (performance.now() > deadline) return `${audit.waiting} records are still not written`
    await sleep(50)
  }
}

/** Is nobody served without a token, and nothing that the policy denies? */
const doors = async (running: Running, era: Messages.Era): Promise<ReadonlyArray<string>> => {
  const problems: Array<string> = []
  const upstream = { era, answers: "json" } as const
  const connection = await Connection.open(HOST, running.port)
  try {
    const stranger = addressOf({ ...running, headers: {} }, upstream)
    const { status } = await connection.exchange(Messages.request(stranger, "tools/list").bytes)
    if (status !== 401) problems.push(`sign-in: a request without a token was answered ${status}, not 401`)
    const address = addressOf(running, upstream)
    const session = era === "legacy" ? await begin(connection, address) : {}
    const denied = Messages.call({ ...address, headers: { ...address.headers, ...session } }, "forbidden", {})
    const { body } = await connection.exchange(denied.bytes)
    if (!body.includes('"error"')) problems.push(`policy: a denied tool was called: ${body.subarray(0, 200)}`)
  } finally {
    connection.close()
  }
  if ((await listOnce(running, upstream)).includes('forbidden"')) problems.push("policy: a denied tool is listed")
  return problems
}

/** Fails where the proxy is not as shipped; else counts from here on. */
export const gather = async (
  running: Running,
  database: string,
  { era, withoutMetrics }: { readonly era: Messages.Era; readonly withoutMetrics: boolean }
): Promise<Evidence> => {
  const wrong = await doors(running, era)
  if (wrong.length > 0) throw new Error(wrong.join("; "))
  await settled(running)
  const rows = async (method: Counted) => {
    const exposition = await metricsOf(running)
    return {
      trail: audited(database, method),
      counter: exposition === undefined ? undefined : counted(exposition, method)
    }
  }
  const before = new Map<Counted, Awaited<ReturnType<typeof rows>>>()
  for (const method of METHODS) before.set(method, await rows(method))
  return {
    check: async (requests, method = "tools/call") => {
      const problems: Array<string> = []
      const unsettled = await settled(running)
      if (unsettled !== undefined) problems.push(`audit: ${unsettled}`)
      const [then, now] = [before.get(method), await rows(method)]
      before.set(method, now)
      const written = now.trail - (then?.trail ?? 0)
      if (written !== requests) problems.push(`audit: ${written} rows of ${requests} ${method}`)
      if (now.counter === undefined) return withoutMetrics ? problems : [...problems, NO_METRICS]
      const rose = now.counter - (then?.counter ?? 0)
      if (rose !== requests) problems.push(`metrics: ${COUNTER} rose by ${rose} with ${requests} ${method}`)
      return problems
    }
  }
}
