/** A host of client metadata documents, by https, on this machine. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:https"
import { certificate } from "./standIns.ts"

export interface DocumentHost {
  /** The URL of a client's document, which is also its id. */
  readonly url: (path: string) => string
  /** The paths that were asked for. */
  readonly asked: () => ReadonlyArray<string>
}

/** A host `client.test` on this machine, by https, until the scope closes. */
export const secureHost = (
  answer: (request: IncomingMessage, response: ServerResponse, url: (path: string) => string) => void,
  connected: () => void = () => {}
) =>
  Effect.gen(function* () {
    let port = 0
    const url = (path: string): string => `https://client.test:${port}${path}`
    yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer(certificate(), (request, response) => answer(request, response, url))
        server.on("connection", connected)
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          if (typeof address === "object" && address !== null) port = address.port
          resume(Effect.succeed(server))
        })
      }),
      (server) =>
        Effect.callback((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return { url, port }
  })

/** Serves each path's document, completed by the id that it must bear. */
export const startDocuments = (
  documents: Readonly<Record<string, Readonly<Record<string, unknown>>>>
): Effect.Effect<DocumentHost, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const { url } = yield* secureHost((request, response, urlOf) => {
      const path = request.url ?? "/"
      asked.push(path)
      const document = documents[path]
      response.writeHead(document === undefined ? 404 : 200, { "content-type": "application/json" })
      response.end(JSON.stringify({ client_id: urlOf(path), ...document }))
    })
    return { url, asked: () => asked }
  })
