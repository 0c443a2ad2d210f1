/** Resolving configuration texts in tests. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { resolve as resolvePath } from "node:path"
import * as JsonDocument from "../../src/config/JsonDocument.ts"
import { format } from "../../src/config/Problem.ts"
import { resolve, type Resolved } from "../../src/config/Resolve.ts"
import type { ServerConfig } from "../../src/domain/ServerConfig.ts"

export interface Surroundings {
  readonly variables?: Readonly<Record<string, string>>
  readonly envFiles?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** Resolves the text of a file in `/folder`; throws where it is no JSON. */
export const resolved = (text: string, { envFiles = {}, variables = {} }: Surroundings = {}): Resolved =>
  resolve(Result.getOrThrow(JsonDocument.read(text)), {
    variable: (name) => (Object.hasOwn(variables, name) ? variables[name] : undefined),
    envFile: (path) => {
      const found = envFiles[path]
      return found === undefined ? Result.fail("cannot be read: no such file") : Result.succeed(found)
    },
    path: (relative) => resolvePath("/folder", relative)
  })

/** The same of a value, written over several lines. */
export const resolvedValue = (value: unknown, surroundings?: Surroundings): Resolved =>
  resolved(JSON.stringify(value, undefined, 2), surroundings)

/** Every complaint and remark as a person reads it. */
export const everything = (of: Resolved): ReadonlyArray<string> =>
  [...of.problems, ...of.serverProblems, ...of.unknownKeys, ...of.notes].map(format)

export const problems = (of: Resolved): ReadonlyArray<string> => of.problems.map(format)

/** The servers of a file without problems. */
export const servers = (of: Resolved): ReadonlyArray<ServerConfig> => {
  if (of.config === undefined) throw new Error(problems(of).join("\n"))
  return of.config.servers
}

const revealed = (value: unknown): unknown => {
  if (Redacted.isRedacted(value)) return Redacted.value(value)
  if (Array.isArray(value)) return value.map(revealed)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revealed(item)]))
}

/** What a server is started or reached with, secrets shown. */
export const transport = (server: ServerConfig | undefined): unknown => revealed(server?.transport)
