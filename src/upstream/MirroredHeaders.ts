/** The headers that say again what a request's body says (2026-07-28, transports/streamable-http, §Request Metadata). */
import type * as Catalogue from "../domain/Catalogue.ts"
import * as HeaderText from "../domain/HeaderText.ts"
import * as ParamHeaders from "../domain/ParamHeaders.ts"
import { HEADER } from "../domain/Protocol.ts"
import type { MessageHeaders } from "./Transport.ts"
import type { Outgoing } from "./Upstream.ts"

/** Why a tool cannot be called over HTTP; undefined where it can. */
export const fault = (tool: Catalogue.Item): string | undefined => {
  const declared = ParamHeaders.ofTool(tool)
  return typeof declared === "string" ? declared : undefined
}

/** Arguments are asked for only where some are mirrored: large ones are not parsed before. */
const ofArguments = (request: Mirrored, tools: ReadonlyArray<Catalogue.Item>) => {
  const tool = tools.find(({ name }) => name === request.target)
  const declared = tool === undefined ? [] : ParamHeaders.ofTool(tool)
  return typeof declared === "string" || declared.length === 0
    ? []
    : ParamHeaders.headersFor(declared, request.arguments?.())
}

type Mirrored = Pick<Outgoing, "method" | "target" | "arguments">

/** The headers of a request; of a call, those too that the tool's schema asks for. */
export const of = (request: Mirrored, tools: ReadonlyArray<Catalogue.Item>): MessageHeaders => ({
  [HEADER.method]: request.method,
  ...(request.target === undefined ? {} : { [HEADER.name]: HeaderText.encode(request.target) }),
  ...(request.method === "tools/call" ? Object.fromEntries(ofArguments(request, tools)) : {})
})
