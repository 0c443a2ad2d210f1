/** Showing pages, and showing failures as pages: each with a reference that the log has too. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { randomBytes } from "node:crypto"
import { Stopped } from "../auth/flow/Stopped.ts"
import { errorPage } from "../auth/pages/ErrorPage.ts"
import * as SignInErrors from "../auth/pages/SignInErrors.ts"
import type { PublicUrl } from "../auth/PublicUrl.ts"
import { type Forms, securityHeaders } from "../html/Page.ts"
import { logger } from "../observability/Logging.ts"

const log = logger("auth")

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** Short enough to be read out over the telephone. */
const newReference = (): string => randomBytes(5).toString("hex")

export const make = (url: PublicUrl) => {
  const { host } = new URL(url.issuer)
  const site = { name: host, host }

  const show = (page: string, forms: Forms, status = 200): Response =>
    HttpServerResponse.text(page, {
      status,
      contentType: "text/html; charset=utf-8",
      headers: securityHeaders(forms)
    })

  const fail = (error: SignInErrors.SignInError, reference: string): Response =>
    show(errorPage({ site, error, reference }), "none", error.status)

  /** A handler whose failures are pages. */
  const guarded =
    <E extends { readonly message: string }>(handler: (request: Request) => Effect.Effect<Response, E>) =>
    (request: Request): Effect.Effect<Response> =>
      handler(request).pipe(
        Effect.catchDefect((defect) =>
          Effect.fail({ message: defect instanceof Error ? defect.message : String(defect), defect })
        ),
        Effect.catch((error) => {
          const reference = newReference()
          return error instanceof Stopped
            ? Effect.as(log.info(`Sign-in ended: ${error.message}`, { reference }), fail(error.error, reference))
            : Effect.as(
                log.error(
                  `Sign-in failed: ${error.message}`,
                  { reference },
                  "defect" in error ? Cause.die(error.defect) : undefined
                ),
                fail(SignInErrors.serverError, reference)
              )
        })
      )

  return { site, show, guarded }
}
