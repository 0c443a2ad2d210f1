/** What a form of ours carries, so that no other site can post it: a token of this rendering, for this browser (CSRF). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Seal from "../keys/Seal.ts"
import type { Browser } from "./Cookies.ts"
import { Stopped } from "./flow/Stopped.ts"
import * as SignInErrors from "./pages/SignInErrors.ts"

export const FIELD = "csrf"

/**
 * Double submit: the token names the browser whose cookie must come with it, and what it is for. Each rendering has its
 * own, and all of them are good, for people reload pages and open them twice.
 */
export const make = Effect.gen(function* () {
  const seal = yield* Seal.make("form", Schema.Tuple([Schema.String, Schema.String]))
  return {
    /** `purpose`: the flow, or the page, that the form belongs to. */
    issue: (purpose: string, browser: Browser) => seal.seal([purpose, browser.id ?? ""]),
    check: Effect.fnUntraced(function* (token: string | null, purpose: string, browser: Browser) {
      const opened = yield* seal.open(token ?? "")
      if (Option.isSome(opened) && browser.id !== undefined) {
        const [forWhat, forWhom] = opened.value
        if (forWhat === purpose && forWhom === browser.id) return
      }
      const detail = "the form's token is missing, or is another browser's or another form's"
      return yield* new Stopped({ error: SignInErrors.otherBrowser, detail })
    })
  }
})
