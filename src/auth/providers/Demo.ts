/** The demo's provider: whoever types a name is that person. For this machine only. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { createHash } from "node:crypto"
import { Subject } from "../../domain/ServerId.ts"
import { type Identity, IdentityProvider, SignInRefused } from "../IdentityProvider.ts"
import * as Person from "./Person.ts"

const MAX_LENGTH = 60

/** An address made of a name is longer than the name, and comes back as the suggestion for the next sign-in. */
const MAX_EMAIL_LENGTH = 100

/** With a hash behind it, it is still short enough for an address. */
const MAX_SLUG_LENGTH = 50

/** `Zoë Müller` → `zoe-muller`; names in other letters, and long ones, are told apart by a hash. */
const slug = (name: string): string => {
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, "-")
    .replace(/^-|-$/gu, "")
  const isWhole = plain.length <= MAX_SLUG_LENGTH && !/[^\p{ASCII}\p{M}]/u.test(name.normalize("NFKD"))
  if (plain !== "" && isWhole) return plain
  const hash = createHash("sha256").update(name.normalize("NFC")).digest("hex").slice(0, 8)
  return plain === "" ? `person-${hash}` : `${plain.slice(0, MAX_SLUG_LENGTH)}-${hash}`
}

/** The person of a typed name or e-mail: a name without one gets an address under `demo.invalid`. None for what is no name. */
export const person = (typed: string): Option.Option<Identity> => {
  const text = typed.trim()
  if (text === "" || /[\p{Cc}\p{Cf}]/u.test(text)) return Option.none()
  const address = Person.email(text)
  if (text.length > (address === undefined ? MAX_LENGTH : MAX_EMAIL_LENGTH)) return Option.none()
  const email = address ?? `${slug(text)}@demo.invalid`
  return Option.some({
    subject: Subject.make(`demo:${email}`),
    email,
    ...(address === undefined ? { name: text } : {})
  })
}

export const layer: Layer.Layer<IdentityProvider> = Layer.succeed(IdentityProvider, {
  name: "the demo",
  isDemo: true,
  rechecks: false,
  begin: ({ loginHint, redirectUri, state }) =>
    Effect.sync(() => {
      // The page stands beside the callback: {base}/auth/demo.
      const url = new URL("demo", redirectUri)
      url.searchParams.set("state", state)
      if (loginHint !== undefined) url.searchParams.set("login_hint", loginHint)
      return { url: url.href, memory: "" }
    }),
  complete: ({ query }) =>
    Option.match(person(query.get("name") ?? ""), {
      onNone: () =>
        Effect.fail(new SignInRefused({ reason: `Type a name, or an e-mail, of 1 to ${MAX_LENGTH} characters.` })),
      onSome: (identity) => Effect.succeed({ identity, refreshToken: Option.none() })
    }),
  recheck: () => Effect.succeedNone
})
