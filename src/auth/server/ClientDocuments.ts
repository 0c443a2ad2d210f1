/** Fetching client metadata documents (draft-ietf-oauth-client-id-metadata-document) from hosts that anybody may name. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { lookup } from "node:dns"
import { BlockList, isIP, type LookupFunction } from "node:net"
import type { Readable } from "node:stream"
import * as ClientMetadata from "../ClientMetadata.ts"

/** The largest document that is read. */
export const MAX_DOCUMENT = 5 * 1024

/** How long the whole of it may take. */
const TIMEOUT_MILLIS = 10_000

/** Addresses that are not of the public Internet (IANA special-purpose registries): nobody outside may make us call them. */
const special = new BlockList()
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3]
] as const) {
  special.addSubnet(network, prefix, "ipv4")
}

/** Of IPv6 only global unicast is public, and not all of that. */
const globalUnicast = new BlockList()
globalUnicast.addSubnet("2000::", 3, "ipv6")
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20]
] as const) {
  special.addSubnet(network, prefix, "ipv6")
}

/** Is this an address of the public Internet? */
export const isPublic = (address: string): boolean =>
  isIP(address) === 4
    ? !special.check(address, "ipv4")
    : isIP(address) === 6 &&
      // An address of one interface is nobody's outside.
      !address.includes("%") &&
      globalUnicast.check(address, "ipv6") &&
      !special.check(address, "ipv6")

/** Resolves a name, and fails where any of its addresses is not public: the address checked is the one connected to. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 4)
    const inward = addresses.find(({ address }) => !isPublic(address))
    const [first] = addresses
    if (inward !== undefined || first === undefined) {
      return callback(new Error("the host name leads to an address that is not public"), "", 4)
    }
    if (options.all === true) return callback(null, addresses)
    return callback(null, first.address, first.family)
  })
}

export interface FetchOptions {
  /** Whom to ask for addresses, and what to trust. */
  readonly lookup?: LookupFunction
  readonly ca?: string
}

/** How documents are reached. A program of its own, such as a test, may lead to its own hosts here. */
export const Reach = Context.Reference<FetchOptions>("mcp-proxy/auth/server/ClientDocuments/Reach", {
  defaultValue: () => ({})
})

/** A document cannot be had, or is none that can be used. The reason is for whoever wrote it. */
export class DocumentRefused extends Schema.TaggedError<DocumentRefused>()("DocumentRefused", {
  url: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `The client metadata document ${this.url} cannot be used: ${this.reason}`
  }
}

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/iu

/** The document as a registration of ours. */
const normal = (text: string): Result.Result<Readonly<Record<string, unknown>>, string> => {
  const parsed = parse(text)
  if (Result.isFailure(parsed)) return Result.fail("it is not JSON")
  const taken = ClientMetadata.take(parsed.success)
  if (Result.isFailure(taken)) return Result.fail(`${taken.failure.error}: ${taken.failure.description}`)
  const { token_endpoint_auth_method: method } = taken.success
  if (method !== "none") return Result.fail("a client known by its document alone has no secret")
  return Result.succeed({ client_id: (parsed.success as { readonly client_id?: unknown }).client_id, ...taken.success })
}

const parse = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

/** Everything that a body says, if it is no more than a document may. */
const readAll = (body: Readable, refuse: (reason: string) => DocumentRefused): Effect.Effect<string, DocumentRefused> =>
  Stream.fromAsyncIterable<Uint8Array, DocumentRefused>(body, (cause) => refuse(String(cause))).pipe(
    Stream.runFoldEffect(
      () => Buffer.alloc(0),
      (read, chunk) =>
        read.length + chunk.length > MAX_DOCUMENT
          ? Effect.fail(refuse(`it is larger than ${MAX_DOCUMENT} bytes`))
          : Effect.succeed(Buffer.concat([read, chunk]))
    ),
    Effect.map((bytes) => bytes.toString())
  )

/**
 * A `fetch` for nothing but such documents: https only, public addresses only, no redirects, small and quick. It gives
 * them back as we take them, so that what one client's document may say is what a registration may say.
 */
export const makeFetch = Effect.gen(function* () {
  const options = yield* Reach
  const { Agent, request } = yield* Effect.promise(() => import("undici"))
  const agent = new Agent({
    connect: {
      lookup: options.lookup ?? publicLookup,
      timeout: TIMEOUT_MILLIS,
      ...(options.ca === undefined ? {} : { ca: options.ca })
    },
    keepAliveTimeout: 1,
    pipelining: 0
  })
  return (url: string): Effect.Effect<Response, DocumentRefused> => {
    const refuse = (reason: string) => new DocumentRefused({ url, reason })
    const { hostname, protocol } = new URL(url)
    if (protocol !== "https:") return Effect.fail(refuse("only https is fetched"))
    const literal = hostname.replace(/^\[|\]$/gu, "")
    // A literal address never comes by the look-up.
    if (isIP(literal) !== 0 && !isPublic(literal)) return Effect.fail(refuse("its address is not public"))
    return Effect.gen(function* () {
      const { body, headers, statusCode } = yield* Effect.tryPromise({
        try: (signal) =>
          request(url, {
            dispatcher: agent,
            headers: { accept: "application/json", "user-agent": "mcp-proxy-server" },
            signal
          }),
        catch: (cause) => refuse(cause instanceof Error ? cause.message : String(cause))
      })
      // A body that is given up says so as an error, for which there must be an ear: without one the process would end.
      body.on("error", () => {})
      const type = String(headers["content-type"] ?? "")
      if (statusCode !== 200) {
        body.destroy()
        return yield* refuse(`it is answered with HTTP ${statusCode}`)
      }
      if (!JSON_TYPE.test(type)) {
        body.destroy()
        return yield* refuse(`it is ${JSON.stringify(type)}, not application/json`)
      }
      const text = yield* readAll(body, refuse)
      const document = normal(text)
      if (Result.isFailure(document)) return yield* refuse(document.failure)
      const caching = Object.fromEntries(
        ["cache-control", "expires"].flatMap((name) =>
          typeof headers[name] === "string" ? [[name, headers[name]]] : []
        )
      )
      return Response.json(document.success, { headers: caching })
    }).pipe(Effect.timeoutOrElse({ duration: TIMEOUT_MILLIS, orElse: () => Effect.fail(refuse("it takes too long")) }))
  }
})
