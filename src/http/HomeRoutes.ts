/** The page at the root: what this is, and how to connect to it. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { html } from "../html/Html.ts"
import { page, SECURITY_HEADERS } from "../html/Page.ts"
import { NAME, VERSION } from "../observability/Version.ts"
import { Address, endpointUrl } from "./Address.ts"
import * as ClientLines from "./ClientLines.ts"

const render = (url: string): string =>
  page(
    "MCP Proxy Server",
    html`
      <h1>MCP Proxy Server</h1>
      <p class="muted">${NAME} ${VERSION} is running.</p>
      <h2>Connect</h2>
      <p>Add this address to your MCP client:</p>
      <pre>${url}</pre>
      <p>Claude Code:</p>
      <pre>${ClientLines.claudeCode(url)}</pre>
      <p>Clients with a configuration file:</p>
      <pre>${ClientLines.json(url)}</pre>
    `
  )

export const layer: Layer.Layer<never, never, HttpRouter.HttpRouter | Address> = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const address = yield* Address
    const body = render(endpointUrl(address))
    const home = HttpServerResponse.text(body, { contentType: "text/html; charset=utf-8", headers: SECURITY_HEADERS })
    const below = address.pathPrefix === "" ? router : router.prefixed(address.pathPrefix)
    yield* below.add("GET", "/", home)
  })
)
