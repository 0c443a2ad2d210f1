/**
 * The official conformance suite against servers directly, and against the same servers through the proxy: what the suite
 * finds must be the same, and nothing of it a failure. Then against the proxy as a client of the suite's own servers, and
 * as an authorization server.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { join } from "node:path"
import { fixture, freePort, projectRoot } from "../integration/harness.ts"
import { ask, browser, deploy, register } from "../integration/signIn.ts"
import { bundle } from "../support/bundled.ts"
import { callbackOf, checkAuthorization } from "./authorization.ts"
import { format } from "./compare.ts"
import { startProxyFor } from "./proxy.ts"
import { compare, drive, missing, together } from "./runs.ts"
import { startServer } from "./server.ts"
import {
  clientSuites,
  inputRequired,
  known,
  legacySuites,
  modernSuites,
  ONLY_WITH_SESSIONS,
  required,
  tasks
} from "./suites.ts"

/** A server of a package that we have. */
const local = (name: string, ...args: ReadonlyArray<string>) => ({
  command: process.execPath,
  args: [join(projectRoot, "node_modules/@modelcontextprotocol", name, "dist/index.js"), ...args]
})

const OTHERS = {
  memory: { ...local("server-memory"), env: { MEMORY_FILE_PATH: "${MCP_DATA_DIR}/memory.jsonl" } },
  filesystem: local("server-filesystem", join(projectRoot, "examples/files"))
}

/** The server that is tested at both kinds of endpoint: alone, and among others. */
const endpointsOf = Effect.fnUntraced(function* (server: Record<string, unknown>, suffix = "") {
  const [alone, among] = yield* Effect.all(
    [startProxyFor({ conformance: server }), startProxyFor({ conformance: server, ...OTHERS })],
    { concurrency: "unbounded" }
  )
  return [
    { name: `/mcp${suffix}`, address: alone },
    { name: `/mcp/conformance${suffix}`, address: `${among}/conformance` }
  ]
})

/** Clients with sessions, in front of a server that is spoken to like that too, and of one that is not. */
const legacy = Effect.gen(function* () {
  const url = yield* startServer(fixture("conformance-server.ts"))
  const endpoints = [
    ...(yield* endpointsOf({ url, era: "legacy" })),
    {
      name: "/mcp over 2026-07-28",
      address: yield* startProxyFor({ conformance: { url } }),
      except: ONLY_WITH_SESSIONS
    }
  ]
  return together(yield* Effect.forEach(legacySuites, (suite) => compare(suite, url, endpoints)))
}).pipe(Effect.scoped)

/** Clients without sessions, in front of a server that has none either. */
const modern = Effect.gen(function* () {
  const url = yield* startServer(fixture("conformance-server.ts"))
  const endpoints = yield* endpointsOf({ url })
  return together(yield* Effect.forEach(modernSuites, (suite) => compare(suite, url, endpoints)))
}).pipe(Effect.scoped)

const tasked = Effect.gen(function* () {
  const url = yield* startServer(fixture("tasks-server.ts"))
  return yield* compare(tasks, url, yield* endpointsOf({ url }))
}).pipe(Effect.scoped)

/** Questions that servers ask in their sessions, compared with those of a server that answers with questions. */
const asked = Effect.gen(function* () {
  const url = yield* startServer(fixture("conformance-server.ts"))
  const script = fixture("conformance-legacy.ts")
  const stdio = { command: process.execPath, args: [script, "--stdio"], isolation: "user" }
  const endpoints = [
    ...(yield* endpointsOf({ url: yield* startServer(script) }, " over sessions")),
    { name: "/mcp over stdio", address: yield* startProxyFor({ conformance: stdio }) }
  ]
  return yield* compare(inputRequired, url, endpoints)
}).pipe(Effect.scoped)

/** The proxy as a client, used by clients of either era. */
const driven = Effect.gen(function* () {
  const eras = ["legacy", "modern"] as const
  const script = join(import.meta.dirname, "clientWrapper.ts")
  const runs = clientSuites.flatMap((suite) =>
    eras.map((era) =>
      drive(suite, { name: `used by ${era} clients`, address: `"${process.execPath}" "${script}" ${era}` })
    )
  )
  return together(yield* Effect.all(runs))
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
  // Two at once: what measures how soon it is answered would not stand a busier machine.
  const outcomes = yield* Effect.all([legacy, driven, modern, tasked, asked], { concurrency: 2 })
  // At the root of its host, without a word about resources; and below a path, for one server.
  const authorizations = [yield* authorize("", undefined), yield* authorize("/gate", "/mcp/raw")]
  const all = together([...outcomes, ...authorizations])
  const overlooked = yield* Effect.forEach(["2025-11-25", "2026-07-28"], (revision) =>
    missing(required(revision), known(revision))
  )
  return { ...all, remarks: [...all.remarks, ...overlooked.flat()] }
}).pipe(Effect.timeout("8 minutes"))

const program = Effect.gen(function* () {
  yield* Effect.promise(bundle)
  const { remarks, tally } = yield* outcome
  for (const remark of remarks) yield* Console.log(remark)
  yield* Console.log(`conformance: ${format(tally)}`)
  return remarks.length === 0
})

NodeRuntime.runMain(program, {
  teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) && exit.value === true ? 0 : 1)
})
