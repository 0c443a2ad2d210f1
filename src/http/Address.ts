/** The addresses of this proxy: where it listens, and what it is called from outside. */
import * as Context from "effect/Context"
import { slug, type ServerId } from "../domain/ServerId.ts"

export interface AddressOptions {
  readonly host: string
  readonly port: number
  /** Without trailing slash. */
  readonly baseUrl: string
  /** Empty, or with a leading and no trailing slash. */
  readonly pathPrefix: string
}

export class Address extends Context.Service<Address, AddressOptions>()("mcp-proxy/http/Address") {}

/** The URL of the merged endpoint. */
export const endpointUrl = ({ baseUrl, pathPrefix }: AddressOptions): string => `${baseUrl}${pathPrefix}/mcp`

/** The URL of one server's own endpoint. */
export const serverUrl = (address: AddressOptions, server: ServerId): string =>
  `${endpointUrl(address)}/${encodeURIComponent(slug(server))}`
