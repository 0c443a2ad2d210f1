/** What stands in for the world outside in a proxy that is run by the tests' own entry point. */
import * as Option from "effect/Option"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { LookupFunction } from "node:net"
import type { Endpoints } from "../../src/auth/providers/Endpoints.ts"
import type { FetchOptions } from "../../src/auth/server/ClientDocuments.ts"

/** Tells the entry point where its Google is. Nothing that is shipped reads it. */
const VARIABLE = "TEST_GOOGLE_ENDPOINTS"

export const variables = (endpoints: Endpoints): Readonly<Record<string, string>> => ({
  [VARIABLE]: JSON.stringify({ ...endpoints, userinfo: undefined })
})

/** What `variables` said, in the process that was given them. */
export const endpoints = (): Endpoints => ({
  ...(JSON.parse(process.env[VARIABLE] ?? "{}") as Omit<Endpoints, "userinfo">),
  userinfo: Option.none()
})

const read = (name: string): string => readFileSync(join(import.meta.dirname, "../fixtures/tls", name), "utf8")

/**
 * For `client.test` and `other.test`, names that nobody has. The key is here for everybody to read, so the certificate
 * is worth nothing: only tests trust it.
 */
export const certificate = () => ({ cert: read("cert.pem"), key: read("key.pem") })

/** Every name leads to this machine. */
const lookup: LookupFunction = (_, options, callback) => {
  if (options.all === true) callback(null, [{ address: "127.0.0.1", family: 4 }])
  else callback(null, "127.0.0.1", 4)
}

/** How clients' documents are reached: on this machine, under our certificate. */
export const reach = (): FetchOptions => ({ lookup, ca: certificate().cert })
