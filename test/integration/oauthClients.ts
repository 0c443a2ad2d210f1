/** What both generations of the official client need to sign somebody in: they bring the protocol, this the memory. */
// oxlint-disable typescript/no-explicit-any -- two generations of the SDK, with types of their own for the same, are driven by one
import {
  Client as SecondClient,
  type OAuthClientProvider as SecondProvider,
  StreamableHTTPClientTransport as SecondTransport
} from "@modelcontextprotocol/client"
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LOOPBACK } from "./signIn.ts"

type Saved<Method extends "saveTokens" | "saveClientInformation" | "saveDiscoveryState"> = Parameters<
  NonNullable<OAuthClientProvider[Method]>
>[0] &
  Parameters<NonNullable<SecondProvider[Method]>>[0]

const present = <A>(value: A | undefined): A => {
  if (value === undefined) throw new Error("the client has not saved that yet")
  return value
}

/** Remembers in memory. Both generations want the same of it. */
export class Memory {
  readonly redirectUrl: string = LOOPBACK
  readonly clientMetadataUrl?: string
  /** Where the client has sent its person. */
  authorization: URL | undefined
  verifier = ""
  #client: Saved<"saveClientInformation"> | undefined
  #tokens: Saved<"saveTokens"> | undefined
  #discovered: Saved<"saveDiscoveryState"> | undefined

  constructor(clientMetadataUrl?: string) {
    if (clientMetadataUrl !== undefined) this.clientMetadataUrl = clientMetadataUrl
  }

  get clientMetadata() {
    return {
      client_name: "Official client",
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none"
    }
  }

  /** What it was registered as. */
  get client() {
    return present(this.#client)
  }

  /** The tokens that it has now. */
  get held() {
    return present(this.#tokens)
  }

  state = () => "state-of-the-client"
  clientInformation = () => this.#client
  saveClientInformation = (client: object) => void (this.#client = client as Saved<"saveClientInformation">)
  tokens = () => this.#tokens
  saveTokens = (tokens: object) => void (this.#tokens = tokens as Saved<"saveTokens">)
  redirectToAuthorization = (url: URL) => void (this.authorization = url)
  saveCodeVerifier = (verifier: string) => void (this.verifier = verifier)
  codeVerifier = () => this.verifier
  saveDiscoveryState = (state: object) => void (this.#discovered = state as Saved<"saveDiscoveryState">)
  discoveryState = () => this.#discovered
}

/** What a signed-in client does, whichever generation it is of. */
export interface SignedIn {
  readonly names: Effect.Effect<ReadonlyArray<string>>
  readonly call: (name: string, args: Record<string, unknown>) => Effect.Effect<unknown>
}

/** Brings the person from where the client sends them back to it. */
type Visit = (url: URL) => Effect.Effect<URL>

const surface = (client: {
  readonly listTools: () => Promise<{ readonly tools: ReadonlyArray<{ readonly name: string }> }>
  readonly callTool: (call: { name: string; arguments: Record<string, unknown> }) => Promise<object>
}): SignedIn => ({
  names: Effect.map(
    Effect.promise(() => client.listTools()),
    ({ tools }) => tools.map(({ name }) => name)
  ),
  call: (name, args) =>
    Effect.map(
      Effect.promise(() => client.callTool({ name, arguments: args })),
      (result) => (result as { readonly content: unknown }).content
    )
})

interface Generation {
  readonly label: string
  /** Beginning with nothing but the URL, until it is connected. */
  readonly connect: (url: string, memory: Memory, visit: Visit) => Effect.Effect<SignedIn, never, Scope.Scope>
}

const closing = <A extends { readonly close: () => Promise<void> }>(client: A) =>
  Effect.acquireRelease(Effect.succeed(client), () => Effect.promise(() => client.close().catch(() => {})))

/** The first attempt, which must end with being sent to sign in. */
const attempt = (connecting: () => Promise<void>, memory: Memory): Effect.Effect<URL> =>
  Effect.promise(async () => {
    const outcome: unknown = await connecting().then(
      () => new Error("it was let in without signing in"),
      (error: unknown) => error
    )
    if (memory.authorization === undefined) throw outcome
    return memory.authorization
  })

const first: Generation = {
  label: "first",
  connect: Effect.fnUntraced(function* (url, memory, visit) {
    const provider: OAuthClientProvider = memory
    const client = yield* closing(new Client({ name: "first", version: "1.0.0" }))
    const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: provider })
    const stopped = transport()
    const sent = yield* attempt(() => client.connect(stopped as Parameters<Client["connect"]>[0]), memory)
    const answer = yield* visit(sent)
    yield* Effect.promise(() => stopped.finishAuth(answer.searchParams.get("code") ?? ""))
    yield* Effect.promise(() => client.connect(transport() as Parameters<Client["connect"]>[0]))
    return surface(client)
  })
}

const second: Generation = {
  label: "second",
  connect: Effect.fnUntraced(function* (url, memory, visit) {
    const provider: SecondProvider = memory
    const client = yield* closing(new SecondClient({ name: "second", version: "1.0.0" }))
    const transport = () => new SecondTransport(new URL(url), { authProvider: provider })
    const stopped = transport()
    const sent = yield* attempt(() => client.connect(stopped), memory)
    const answer = yield* visit(sent)
    yield* Effect.promise(() => stopped.finishAuth(answer.searchParams))
    yield* Effect.promise(() => client.connect(transport()))
    return surface(client)
  })
}

export const generations: ReadonlyArray<Generation> = [first, second]
