/** The page at the root: what this is, and how to connect to it. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { html } from "../html/Html.ts"
import { page, securityHeaders } from "../html/Page.ts"
import { NAME, VERSION } from "../observability/Version.ts"
import { Address, type AddressOptions, endpointUrl } from "./Address.ts"
import * as ClientLines from "./ClientLines.ts"
import * as Prefix from "./Prefix.ts"

/** The page itself. */
export const homePage = (address: AddressOptions): string => {
  const url = endpointUrl(address)
  return page({
    title: "Connect",
    site: { name: "MCP Proxy Server", host: new URL(address.baseUrl).host },
    wide: true,
    body: html`
      <h1>One address for all your tools</h1>
      <p>Add it to your MCP client:</p>
      <pre>${url}</pre>
      <h2>Claude Code</h2>
      <pre>${ClientLines.claudeCode(url)}</pre>
      <h2>Clients with a configuration file</h2>
      <pre>${ClientLines.json(url)}</pre>
      <p class="foot fine soft">${NAME} ${VERSION} is running.</p>
    `
  })
}

export const layer: Layer.Layer<never, never, HttpRouter.HttpRouter | Address> = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const address = yield* Address
    const home = HttpServerResponse.text(homePage(address), {
      contentType: "text/html; charset=utf-8",
      headers: securityHeaders("none")
    })
    const below = Prefix.below(router, address.pathPrefix)
    yield* below.add("GET", "/", home)
  })
)
