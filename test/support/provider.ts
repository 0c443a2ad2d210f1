/** An OpenID provider in memory that says whatever a test wants it to, for `HttpClient`. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose"

/** What is answered: JSON with a status, a text, silence, or no connection. */
export type Reply =
  | { readonly status?: number; readonly json: unknown }
  | { readonly status?: number; readonly text: string }
  | "silence"
  | "no connection"

export interface Asked {
  readonly url: string
  readonly authorization: string | undefined
  readonly form: URLSearchParams
}

/** Answers of an address to its first, second … call; the last one is given again and again. */
export type Script = Readonly<Record<string, ReadonlyArray<Reply>>>

/** A client that reaches the scripted addresses only, and what it was asked. */
export const scripted = (script: Script) => {
  const asked: Array<Asked> = []
  const times = new Map<string, number>()
  const client = HttpClient.make((request, url) => {
    const { body } = request
    const form = new URLSearchParams(body._tag === "Uint8Array" ? Buffer.from(body.body).toString() : "")
    asked.push({ url: url.href, authorization: request.headers["authorization"], form })
    const replies = script[url.href] ?? ["no connection"]
    const time = times.get(url.href) ?? 0
    times.set(url.href, time + 1)
    const reply = replies[Math.min(time, replies.length - 1)] ?? "no connection"
    if (reply === "silence") return Effect.never
    if (reply === "no connection") {
      const cause = Object.assign(new Error(`connect ECONNREFUSED ${url.host}`), { code: "ECONNREFUSED" })
      return Effect.fail(
        new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
      )
    }
    const text = "json" in reply ? JSON.stringify(reply.json) : reply.text
    return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(text, { status: reply.status ?? 200 })))
  })
  return { asked, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

/** A key that a provider signs with, as it signs and as it publishes it. */
export interface Signer {
  readonly jwk: object
  readonly publicText: string
  readonly sign: (
    claims: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>
  ) => Promise<string>
  readonly privateKey: CryptoKey
}

export const signer = (kid: string, alg = "RS256"): Effect.Effect<Signer> =>
  Effect.promise(async () => {
    const { privateKey, publicKey } = await generateKeyPair(alg)
    return {
      privateKey,
      jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" },
      publicText: await exportSPKI(publicKey),
      sign: (claims, header = {}) => new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
    }
  })
