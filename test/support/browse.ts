/** A browser without a screen: follows redirects and keeps cookies. */
import * as Effect from "effect/Effect"
import { request } from "undici"

/** Goes where the page leads, until it is sent to an address that begins so; that address. */
export const browse = (url: string, until: string): Effect.Effect<URL> =>
  Effect.promise(async () => {
    const cookies = new Map<string, string>()
    let here = new URL(url)
    for (let hops = 0; hops < 10; hops++) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ")
      const { body, headers, statusCode } = await request(here, { headers: { cookie } })
      const text = await body.text()
      for (const line of [headers["set-cookie"] ?? []].flat()) {
        const [, name = "", value = ""] = /^([^=]+)=([^;]*)/u.exec(line) ?? []
        cookies.set(name, value)
      }
      const location = headers["location"]
      if (typeof location !== "string") throw new Error(`${here.href} answered ${statusCode}: ${text.slice(0, 500)}`)
      here = new URL(location, here)
      if (here.href.startsWith(until)) return here
    }
    throw new Error(`${url} leads in a circle`)
  })
