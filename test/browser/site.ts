/** Sites on loopback for a browser to visit: what they answer is a function, what was asked of them is kept. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { certificate } from "../support/standIns.ts"

export interface Asked {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface WebSite {
  readonly port: number
  /** As 127.0.0.1, or by the name it was given. To browsers, `localhost` with the same port is another site. */
  readonly origin: string
  readonly asked: ReadonlyArray<Asked>
}

const HTML = { "content-type": "text/html; charset=utf-8" }

/**
 * Serves until the scope closes, on a port of its own. What has no answer is not found. With a `name` (client.test,
 * other.test) it serves https, with a certificate that a browser accepts only if it is told to ignore such errors.
 */
export const webSite = (
  answer: (asked: Asked) => Answer | undefined,
  name?: "client.test" | "other.test"
): Effect.Effect<WebSite, never, Scope.Scope> =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const listener: RequestListener = (request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const { headers, method = "", url = "" } = request
        const one = { method, url, headers, body: Buffer.concat(chunks).toString() }
        asked.push(one)
        const { body, headers: own, status } = answer(one) ?? { status: 404, body: "" }
        response.writeHead(status ?? 200, { ...HTML, ...own }).end(body)
      })
    }
    const server = name === undefined ? createServer(listener) : createSecureServer(certificate(), listener)
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
        })
      }),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return { port, origin: name === undefined ? `http://127.0.0.1:${port}` : `https://${name}:${port}`, asked }
  })
