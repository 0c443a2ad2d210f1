/** Flags that several commands have. */
import * as Option from "effect/Option"
import * as Flag from "effect/cli/Flag"
import type { AllSettings } from "./AllSettings.ts"

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print the result as JSON, for programs"),
  Flag.withDefault(false)
)

export const url = Flag.String("url").pipe(
  Flag.withDescription("Ask a running proxy, or any Streamable HTTP server, at this MCP endpoint"),
  Flag.withMetavar("http://…/mcp"),
  Flag.optional
)

/** Of the proxy itself, where it is asked about itself. */
export const address = Flag.String("url").pipe(
  Flag.withDescription("Address of the proxy; by default the one that this environment's settings give"),
  Flag.withMetavar("http://…"),
  Flag.optional
)

/** The address, without the path of an endpoint. */
export const baseOf = (url: Option.Option<string>, { http }: AllSettings): string =>
  Option.getOrElse(url, () => `http://localhost:${http.port}${http.pathPrefix}`).replace(/\/(mcp\/?)?$/u, "")

export const token = Flag.Redacted("token").pipe(Flag.withDescription("Bearer token for --url"), Flag.optional)
