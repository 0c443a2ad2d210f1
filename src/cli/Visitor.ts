/** A browser without a screen, for the demo's own walk through sign-in: it keeps cookies, follows redirects, sends forms. */
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"

/** The walk cannot go on from here. */
export class Astray extends Schema.TaggedError<Astray>()("Astray", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** A page, or the address outside where the visit ends. */
export type Arrival =
  | { readonly _tag: "Page"; readonly url: URL; readonly status: number; readonly html: string }
  | { readonly _tag: "Away"; readonly url: URL }

const MAX_REDIRECTS = 20

const attribute = (tag: string, name: string): string | undefined =>
  new RegExp(`\\s${name}="([^"]*)"`, "iu").exec(tag)?.[1]?.replaceAll("&quot;", '"').replaceAll("&amp;", "&")

/** The first form of a page: where it leads, how, and what it carries. */
export const formOf = (html: string) => {
  const form = /<form\b[^>]*>([\s\S]*?)<\/form>/iu.exec(html)
  if (form === null) return undefined
  const [whole, inside = ""] = form
  const fields = [...inside.matchAll(/<input\b[^>]*>/giu)].flatMap(([input]) => {
    const name = attribute(input, "name")
    return name === undefined ? [] : [[name, attribute(input, "value") ?? ""] as const]
  })
  return { action: attribute(whole, "action") ?? "", method: attribute(whole, "method") ?? "get", fields }
}

/** `isAway` says where the visit ends without being asked for a page. */
export const make = (isAway: (url: URL) => boolean) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const cookies = new Map<string, string>()

    const go = (url: URL, form?: ReadonlyArray<readonly [string, string]>, left = MAX_REDIRECTS) =>
      Effect.gen(function* (): Effect.fn.Return<Arrival, Astray> {
        if (isAway(url)) return { _tag: "Away", url }
        if (left === 0) return yield* new Astray({ reason: `${url.origin} redirects without end` })
        const own = [...cookies].filter(([key]) => key.startsWith(`${url.host} `)).map(([, value]) => value)
        const request = (form === undefined ? HttpClientRequest.get(url) : HttpClientRequest.post(url)).pipe(
          HttpClientRequest.setHeaders({ cookie: own.join("; "), accept: "text/html", "sec-fetch-site": "none" })
        )
        const response = yield* client
          .execute(form === undefined ? request : HttpClientRequest.bodyUrlParams(request, UrlParams.fromInput(form)))
          .pipe(
            Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
            Effect.mapError(({ message }) => new Astray({ reason: `${url.href}: ${message}` }))
          )
        for (const [name, { value }] of Object.entries(response.cookies.cookies)) {
          cookies.set(`${url.host} ${name}`, `${name}=${value}`)
        }
        const { location } = response.headers
        if (response.status >= 300 && response.status < 400 && location !== undefined) {
          return yield* go(new URL(location, url), undefined, left - 1)
        }
        const html = yield* Effect.mapError(response.text, ({ message }) => new Astray({ reason: message }))
        return { _tag: "Page", url, status: response.status, html }
      })

    return {
      go: (url: URL) => go(url),
      /** Sends the first form of a page, with these fields added or changed. */
      submit: (page: Extract<Arrival, { _tag: "Page" }>, more: Readonly<Record<string, string>>) =>
        Effect.suspend((): Effect.Effect<Arrival, Astray> => {
          const form = formOf(page.html)
          if (form === undefined) {
            const text = page.html.replaceAll(/<[^>]*>/gu, " ").replaceAll(/\s+/gu, " ")
            return Effect.fail(new Astray({ reason: `HTTP ${page.status} without a form: ${text.slice(0, 300)}` }))
          }
          const fields = [...new Map([...form.fields, ...Object.entries(more)])]
          const target = new URL(form.action, page.url)
          if (form.method.toLowerCase() === "post") return go(target, fields)
          target.search = new URLSearchParams(Object.fromEntries(fields)).toString()
          return go(target)
        })
    }
  })
