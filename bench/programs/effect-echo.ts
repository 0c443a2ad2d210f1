/** What an Effect program costs that does nothing: one route that gives a body back. `node effect-echo.js PORT` */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { createServer } from "node:http"

const echo = HttpRouter.add(
  "POST",
  "/mcp",
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    return HttpServerResponse.uint8Array(new Uint8Array(yield* request.arrayBuffer), {
      contentType: "application/json"
    })
  })
)

HttpRouter.serve(echo, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: Number(process.argv[2]) })),
  Layer.launch,
  NodeRuntime.runMain
)
