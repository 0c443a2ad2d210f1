/** What the pages of sign-in read from requests, and how they send browsers on. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Cookies from "../auth/Cookies.ts"
import { Stopped } from "../auth/flow/Stopped.ts"
import type { Destination, Voucher } from "../auth/pages/Program.ts"
import * as SignInErrors from "../auth/pages/SignInErrors.ts"
import * as RedirectUri from "../auth/RedirectUri.ts"
import type { ClientInfo } from "../auth/server/AuthorizationServer.ts"
import * as SmallBody from "./SmallBody.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** The redirect URI of a request that was let through, as people are told of it. */
export const destinationOf = (redirectUri: string): Destination => {
  const kind = Result.getOrThrow(RedirectUri.inspect(redirectUri))
  switch (kind._tag) {
    case "Web":
      return { _tag: "Site", host: kind.host }
    case "Loopback":
      return kind
    case "PrivateUse":
      return { _tag: "App", scheme: kind.scheme }
  }
}

export const queryOf = (request: Request): URLSearchParams =>
  new URLSearchParams(request.originalUrl.split("?").slice(1).join("?"))

/** The form that a page of ours, or a client, posts. */
export const formOf = (request: Request): Effect.Effect<URLSearchParams, Stopped> =>
  Effect.flatMap(SmallBody.read(request), (text) =>
    Option.isSome(text)
      ? Effect.succeed(new URLSearchParams(text.value))
      : Effect.fail(
          new Stopped({
            error: SignInErrors.badRequest("its form is too large, or did not arrive"),
            detail: "the form could not be read"
          })
        )
  )

/** Another page of ours, or another site: always by GET, kept by nobody. */
export const redirect = (location: string, cookies: ReadonlyArray<Cookies.Cookie> = []): Response =>
  cookies.reduce(
    (response, { attributes, name, value }) => HttpServerResponse.setCookieUnsafe(response, name, value, attributes),
    HttpServerResponse.empty({
      status: 303,
      headers: { location, "cache-control": "no-store", "referrer-policy": "no-referrer" }
    })
  )

/** Who answers for what a client says of itself. */
export const voucherOf = ({ vouchedBy }: ClientInfo): Voucher =>
  vouchedBy === undefined ? { _tag: "Nobody" } : { _tag: "Host", host: vouchedBy }
