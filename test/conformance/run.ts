/**
 * The official conformance suite against a server directly, and against the same server through the proxy: what the
 * suite finds must be the same, and nothing of it a failure. Then against the proxy as an authorization server.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { join } from "node:path"
import { fixture, freePort, nobodyLeft, projectRoot, startProxy } from "../integration/harness.ts"
import { ask, browser, deploy, register } from "../integration/signIn.ts"
import { callbackOf, checkAuthorization } from "./authorization.ts"
import { format, type Outcome, remarks, type Results, sum, tally } from "./compare.ts"
import { startServer } from "./server.ts"
import { run, scenarios, type Suite, suites } from "./suite.ts"

/** A server of a package that we have. */
const local = (name: string, ...args: ReadonlyArray<string>) => ({
  command: process.execPath,
  args: [join(projectRoot, "node_modules/@modelcontextprotocol", name, "dist/index.js"), ...args]
})

/** A proxy for the server that is tested, with other servers beside it. It must leave no process behind. */
const startProxyFor = Effect.fnUntraced(function* (url: string, others: Record<string, Record<string, unknown>>) {
  let marker: string | undefined
  yield* Effect.addFinalizer(() => (marker === undefined ? Effect.void : nobodyLeft(marker)))
  const proxy = yield* startProxy({ config: { mcpServers: { conformance: { url }, ...others } } })
  marker = proxy.marker
  yield* proxy.printed(/\b(\d+) of \1 servers are ready/u)
  return proxy.url
})

/** Runs a suite against one address; compares with the direct run, if this is not it. */
const check = Effect.fnUntraced(function* (
  suite: Suite,
  names: ReadonlyArray<string>,
  target: { readonly name: string; readonly url: string },
  reference: Results | undefined
) {
  const { code, output, results } = yield* run(suite, target.url)
  const direct = reference ?? results
  const counts = tally(names, direct, results)
  const title = `${suite.label} ${target.name}`
  yield* Console.log(`${title}: ${format(counts)}`)
  const found = remarks(names, direct, results)
  // Its own verdict counts too, where it knows something that its checks do not say.
  const all = found.length === 0 && code !== 0 ? [`exit code ${code}\n${output}`] : found
  return { results, tally: counts, remarks: all.map((remark) => `${title}: ${remark}`) }
})

/** Runs a suite directly, then through each endpoint. */
const compare = Effect.fnUntraced(function* (suite: Suite, url: string, proxied: Readonly<Record<string, string>>) {
  const names = yield* scenarios(suite)
  const direct = yield* check(suite, names, { name: "direct", url }, undefined)
  const through = yield* Effect.forEach(Object.entries(proxied), ([name, url]) =>
    check(suite, names, { name, url }, direct.results)
  )
  return {
    tally: sum(through.map(({ tally }) => tally)),
    remarks: [direct, ...through].flatMap(({ remarks }) => remarks)
  } satisfies Outcome
})

/** The proxy as an authorization server, asked for tokens for one of its resources. */
const authorize = Effect.fnUntraced(function* (pathPrefix: string, resource: string | undefined) {
  const deployment = yield* deploy({ pathPrefix })
  const { issuer } = deployment
  const port = yield* freePort
  const { body } = yield* register(issuer, { redirect_uris: [callbackOf(port)] })
  const person = yield* browser(deployment)
  const outcome = yield* checkAuthorization({
    name: `${pathPrefix}${resource ?? ""}` || "/",
    issuer,
    clientId: String(body["client_id"]),
    port,
    ...(resource === undefined ? {} : { resource: `${issuer}${resource}` }),
    visit: (url) => Effect.flatMap(person.allow(url), ({ href }) => Effect.asVoid(ask(href)))
  })
  yield* Console.log(`${outcome.title}: ${format(outcome.tally)}`)
  return outcome
}, Effect.scoped)

const outcome = Effect.gen(function* () {
  const url = yield* startServer(fixture("conformance-server.ts"))
  const beside = {
    memory: { ...local("server-memory"), env: { MEMORY_FILE_PATH: "${MCP_DATA_DIR}/memory.jsonl" } },
    filesystem: local("server-filesystem", join(projectRoot, "examples/files"))
  }
  const [alone, among] = yield* Effect.all([startProxyFor(url, {}), startProxyFor(url, beside)], {
    concurrency: "unbounded"
  })
  const endpoints = { "/mcp": alone, "/mcp/conformance": `${among}/conformance` }
  const compared = yield* Effect.forEach(suites, (suite) => compare(suite, url, endpoints))
  // At the root of its host, without a word about resources; and below a path, for one server.
  const outcomes = [...compared, yield* authorize("", undefined), yield* authorize("/gate", "/mcp/raw")]
  return {
    tally: sum(outcomes.map(({ tally }) => tally)),
    remarks: outcomes.flatMap(({ remarks }) => remarks)
  } satisfies Outcome
}).pipe(Effect.scoped, Effect.timeout("5 minutes"))

const program = Effect.gen(function* () {
  const { remarks, tally } = yield* outcome
  for (const remark of remarks) yield* Console.log(remark)
  yield* Console.log(`conformance: ${format(tally)}`)
  return remarks.length === 0
})

NodeRuntime.runMain(program, {
  teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) && exit.value === true ? 0 : 1)
})
