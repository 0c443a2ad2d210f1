/** Servers of every revision, each with a journal, and one proxy before all of them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Estate } from "../../fixtures/polyglot/estate.ts"
import { serve } from "../../fixtures/polyglot/http.ts"
import { isModern, REVISIONS, type Revision } from "../../fixtures/polyglot/message.ts"
import { fixture } from "../harness.ts"
import type { Server } from "./cells.ts"

export const TRANSPORTS = ["stdio", "sse", "http"] as const
export type Transport = (typeof TRANSPORTS)[number]

/** A server as a configuration names it. */
export interface Configured extends Server {
  readonly id: string
  readonly transport: Transport
  readonly entry: Record<string, unknown>
}

/** Which servers there are: each revision on each transport that it has. */
export const SERVERS: ReadonlyArray<{
  readonly id: string
  readonly revision: Revision
  readonly transport: Transport
}> = TRANSPORTS.flatMap((transport) =>
  REVISIONS.filter((revision) => transport !== "sse" || !isModern(revision)).map((revision) => ({
    id: `${transport}-${revision}`,
    revision,
    transport
  }))
)

/** A folder for journals, gone with the scope. */
export const journals: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-proxy-matrix-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const journalIn = (folder: string, id: string) => {
  const path = join(folder, `${id}.journal`)
  writeFileSync(path, "")
  return { path, read: () => readFileSync(path, "utf8").split("\n") }
}

/** A server on HTTP inside this process. */
export const served = (folder: string, id: string, revision: Revision, transport: "http" | "sse") =>
  Effect.gen(function* () {
    const { path, read } = journalIn(folder, id)
    const { url } = yield* Effect.acquireRelease(
      Effect.promise(() => serve(new Estate(revision, path), transport)),
      ({ close }) => Effect.promise(close)
    )
    return { id, revision, transport, journal: read, entry: { type: transport, url } } satisfies Configured
  })

/** A server that the proxy is to start. */
export const started = (
  folder: string,
  id: string,
  revision: Revision,
  isolation: "session" | "shared"
): Configured => {
  const { path, read } = journalIn(folder, id)
  const args = [fixture("polyglot.ts"), "--revision", revision, "--transport", "stdio", "--journal", path]
  return { id, revision, transport: "stdio", journal: read, entry: { command: process.execPath, args, isolation } }
}

/** All servers, ready to be configured. */
export const allServers = (folder: string): Effect.Effect<ReadonlyArray<Configured>, never, Scope.Scope> =>
  Effect.forEach(SERVERS, ({ id, revision, transport }) =>
    transport === "stdio"
      ? Effect.succeed(started(folder, id, revision, "session"))
      : served(folder, id, revision, transport)
  )

/** What a server was told that its revision does not know: nothing, if all is well. */
export const violations = ({ journal }: Server): ReadonlyArray<string> =>
  journal().filter((line) => line.startsWith("violation"))
