/** The two cookies of a browser: which browser it is, and who last signed in on it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash, randomBytes } from "node:crypto"
import * as Seal from "../keys/Seal.ts"
import type { PublicUrl } from "./PublicUrl.ts"

/** What a browser has shown us, forgeries left out. */
export interface Browser {
  /** Unguessable; the same for all flows of the browser. */
  readonly id: string | undefined
  /** The subject of the person who last signed in on it. */
  readonly person: string | undefined
}

/** A cookie to be set. */
export interface Cookie {
  readonly name: string
  readonly value: string
  readonly attributes: {
    readonly path: "/"
    readonly httpOnly: true
    readonly sameSite: "lax"
    readonly secure: boolean
    readonly maxAge?: Duration.Duration
  }
}

const PERSON_LIFETIME = Duration.days(365)

/**
 * Cookies of other programs on the same host must not be ours: `__Host-` forbids it to them where there is https;
 * on loopback, where ports do not keep cookies apart, the port is in the name. So is the path, where there is one.
 */
export const cookieName = (url: PublicUrl, name: string): string => {
  const { pathname, port, protocol } = new URL(url.issuer)
  const place = pathname === "/" ? "" : `_${createHash("sha256").update(pathname).digest("hex").slice(0, 8)}`
  return protocol === "https:" ? `__Host-mcp_${name}${place}` : `mcp_${name}${port === "" ? "" : `_${port}`}${place}`
}

const parse = (header: string | undefined, name: string): string | undefined =>
  header
    ?.split(";")
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1)

/** Reads and writes them; sealed, so that nobody makes one up. */
export const make = (url: PublicUrl) =>
  Effect.gen(function* () {
    const browserSeal = yield* Seal.make("browser cookie", Schema.String)
    const personSeal = yield* Seal.make("person cookie", Schema.String)
    const attributes = {
      path: "/",
      httpOnly: true,
      sameSite: "lax",
      secure: new URL(url.issuer).protocol === "https:"
    } as const
    const browserName = cookieName(url, "browser")
    const personName = cookieName(url, "person")

    const open = (seal: Seal.Seal<string>, value = "") =>
      Effect.map(value.length > 1024 ? Effect.succeedNone : seal.open(value), Option.getOrUndefined)

    return {
      read: (header: string | undefined): Effect.Effect<Browser> =>
        Effect.all({
          id: open(browserSeal, parse(header, browserName)),
          person: open(personSeal, parse(header, personName))
        }),
      /** A browser that we have not seen before, and the cookie that makes it known for as long as it is open. */
      newBrowser: Effect.gen(function* () {
        const id = randomBytes(18).toString("base64url")
        return { id, cookie: { name: browserName, value: yield* browserSeal.seal(id), attributes } satisfies Cookie }
      }),
      person: (subject: string): Effect.Effect<Cookie> =>
        Effect.map(personSeal.seal(subject), (value) => ({
          name: personName,
          value,
          attributes: { ...attributes, maxAge: PERSON_LIFETIME }
        })),
      signOut: { name: personName, value: "", attributes: { ...attributes, maxAge: Duration.zero } } satisfies Cookie
    }
  })

export type Cookies = Effect.Success<ReturnType<typeof make>>
