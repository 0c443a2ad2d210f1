/** From the JSON value of the file to the configuration that the fleet runs: one pure step, all problems at once. */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { GatewaySection } from "../domain/GatewayConfig.ts"
import type { GatewayConfig, ServerConfig } from "../domain/ServerConfig.ts"
import { type ServerId, slug } from "../domain/ServerId.ts"
import type { JsonDocument } from "./JsonDocument.ts"
import { dotted, issuesOf, type Problem, unknownKey } from "./Problem.ts"
import { duration, type Environment, resolveServer } from "./ResolveServer.ts"

/** The configuration, or nothing but `problems`. */
export interface Resolved {
  readonly config: GatewayConfig | undefined
  /** What makes the file unusable as a whole. */
  readonly problems: ReadonlyArray<Problem>
  /** What makes one server unusable. With MCP_STRICT, and in `check`, as bad as a problem. */
  readonly serverProblems: ReadonlyArray<Problem>
  /** Unknown keys: most likely slips of the pen. */
  readonly unknownKeys: ReadonlyArray<Problem>
  /** What is accepted without effect. */
  readonly notes: ReadonlyArray<Problem>
}

const decodeGateway = Schema.decodeUnknownResult(GatewaySection, { errors: "all", onExcessProperty: "error" })

const gatewayProblems = (error: Schema.SchemaError, lineOf: JsonDocument["lineOf"]): ReadonlyArray<Problem> =>
  issuesOf(error).map(([path, message]) => {
    const key = String(path[0])
    const known = Object.keys(GatewaySection.fields)
    return {
      path: dotted(["gateway", ...path]),
      message: known.includes(key) || path.length === 0 ? message : unknownKey(key, known),
      line: lineOf(["gateway", ...path])
    }
  })

const ROOT_KEYS = new Set(["$schema", "mcpServers", "gateway"])

/** VS Code's own file names the same thing `servers`. */
const rootOf = (file: Readonly<Record<string, unknown>>): "mcpServers" | "servers" =>
  file["mcpServers"] === undefined && Predicate.isReadonlyObject(file["servers"]) ? "servers" : "mcpServers"

/** Two keys that give one name: the second of each pair. */
const clashes = (servers: ReadonlyArray<ServerConfig>): ReadonlyArray<readonly [id: ServerId, other: ServerId]> => {
  const first = new Map<string, ServerId>()
  return servers.flatMap(({ id }) => {
    const name = slug(id).toLowerCase()
    const other = first.get(name)
    if (other === undefined) first.set(name, id)
    return other === undefined ? [] : [[id, other] as const]
  })
}

/** Resolves a file. */
export const resolve = ({ duplicates, lineOf, value: file }: JsonDocument, environment: Environment): Resolved => {
  if (!Predicate.isReadonlyObject(file)) {
    const problems = [{ path: "", message: 'expected an object with "mcpServers"', line: 1 }]
    return { config: undefined, problems, serverProblems: [], unknownKeys: [], notes: [] }
  }
  const root = rootOf(file)
  const entries = file[root]
  const all = Object.entries(Predicate.isReadonlyObject(entries) ? entries : {}).map(([name, raw]) =>
    resolveServer([root, name], raw, environment, lineOf)
  )
  const servers = all.flatMap(({ server }) => (server === undefined ? [] : [server]))
  const gateway = decodeGateway(file["gateway"] ?? {})
  const section = Result.getOrElse(gateway, (): GatewaySection => ({}))

  const problems: Array<Problem> = duplicates.map(({ lines, path }) => ({
    path: dotted(path),
    message: `stands twice, on lines ${lines[0]} and ${lines[1]}; one of them would be lost`,
    line: undefined
  }))
  if (entries === undefined) problems.push({ path: "mcpServers", message: "is missing", line: undefined })
  else if (!Predicate.isReadonlyObject(entries))
    problems.push({ path: root, message: "expected an object", line: lineOf([root]) })
  problems.push(...all.flatMap((one) => one.problems))
  for (const [id, other] of clashes(servers)) {
    const message = `gives the same name (${slug(id)}) as ${JSON.stringify(other)}; rename one`
    problems.push({ path: dotted([root, id]), message, line: lineOf([root, id]) })
  }
  if (Result.isFailure(gateway)) problems.push(...gatewayProblems(gateway.failure, lineOf))

  const foreign = Object.keys(file)
    .filter((key) => !ROOT_KEYS.has(key) && key !== root)
    .map((key) => ({
      path: dotted([key]),
      message: "has no effect: it belongs to another program",
      line: lineOf([key])
    }))
  const config: GatewayConfig = {
    servers,
    naming: section.naming ?? "auto",
    pageSize: section.pageSize ?? 1000,
    maxLanes: section.maxLanes,
    maxLanesPerUser: section.maxLanesPerUser,
    laneIdle: duration(section.laneIdle ?? "15 minutes")
  }
  return {
    config: problems.length > 0 ? undefined : config,
    problems,
    serverProblems: all.flatMap((one) => one.serverProblems),
    unknownKeys: all.flatMap((one) => one.unknownKeys),
    notes: [...foreign, ...all.flatMap((one) => one.notes)]
  }
}
