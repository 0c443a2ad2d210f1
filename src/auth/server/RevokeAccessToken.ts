/** Revocation (RFC 7009) of access tokens, which `oidc-provider` leaves to others, because they are valid by themselves. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { AccessTokens } from "./AccessTokens.ts"
import type { AuthorizationServer, EndpointAnswer, EndpointRequest } from "./AuthorizationServer.ts"
import { AuthorizationServerError } from "./AuthorizationServer.ts"
import { Revocations } from "./Revocations.ts"

/** The client that the request was made for; that it is that client has been checked by then. */
const clientOf = ({ authorization, body }: EndpointRequest): string | undefined => {
  const basic = /^basic +([\w+/]+=*)$/iu.exec(authorization ?? "")?.[1]
  if (basic === undefined) return new URLSearchParams(body).get("client_id") ?? undefined
  const [id = ""] = Buffer.from(basic, "base64").toString().split(":")
  return new URLSearchParams(`id=${id}`).get("id") ?? undefined
}

/** It says this of a JWT once it has authenticated the client. */
const isStructured = ({ body, status }: EndpointAnswer): boolean =>
  status === 400 && (JSON.parse(body) as { readonly error?: unknown }).error === "unsupported_token_type"

/** What is not this client's, or no token at all, is answered alike: the client has nothing to learn from it. */
const done: EndpointAnswer = { status: 200, headers: { "cache-control": "no-store" }, body: "" }

export const make = Effect.gen(function* () {
  const tokens = yield* AccessTokens
  const revocations = yield* Revocations
  return (revoke: AuthorizationServer["Service"]["revoke"]): AuthorizationServer["Service"]["revoke"] =>
    Effect.fnUntraced(function* (request) {
      const answer = yield* revoke(request)
      if (!isStructured(answer)) return answer
      const verified = yield* tokens.verify(new URLSearchParams(request.body).get("token") ?? "")
      if (Result.isSuccess(verified) && verified.success.clientId === clientOf(request)) {
        yield* revocations
          .revoke(verified.success.id)
          .pipe(Effect.mapError((cause) => new AuthorizationServerError({ operation: "revocation", cause })))
      }
      return done
    })
})
