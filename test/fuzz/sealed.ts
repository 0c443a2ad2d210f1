/** What leaves the house sealed and comes back: it opens as it was, or not at all. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { EventIds, format } from "../../src/gateway/EventIds.ts"
import { SessionKey } from "../../src/domain/ServerId.ts"
import { RootKey } from "../../src/keys/RootKey.ts"
import * as Seal from "../../src/keys/Seal.ts"
import { must, type Target } from "./Target.ts"

const session = SessionKey.make("s")

const { ids, prefix, sealed, states } = await Effect.runPromise(
  Effect.gen(function* () {
    const states = yield* Seal.make("request state", Schema.Struct({ call: Schema.String }))
    const ids = yield* EventIds
    return {
      states,
      ids,
      sealed: yield* states.seal({ call: "one" }),
      prefix: yield* ids.prefix({ session, request: null, number: "1" })
    }
  }).pipe(
    Effect.provide(EventIds.layer.pipe(Layer.provideMerge(RootKey.layerText(Redacted.make("5".repeat(64)))))),
    Effect.scoped
  )
)

/** Base64url texts whose last bits differ only where no byte is: the same value, as readers of Base64 see it. */
const sameValue = (a: string, b: string): boolean =>
  a === b ||
  a
    .split(".")
    .every((part, index) => Buffer.from(part, "base64url").equals(Buffer.from(b.split(".")[index] ?? "", "base64url")))

export const targets: ReadonlyArray<Target> = [
  {
    name: "a sealed state",
    seeds: [sealed, sealed.split(".").slice(0, 4).join("."), "a.b.c.d.e"],
    check: async (input) => {
      const text = Buffer.from(input).toString("latin1")
      const opened = await Effect.runPromise(states.open(text))
      if (opened._tag === "None") return must(text !== sealed, "what was sealed does not open")
      must(sameValue(text, sealed) && opened.value.call === "one", "what was touched opens")
    }
  },
  {
    name: "an event's id",
    seeds: [format(prefix, 1), format(prefix, 999_999), `${prefix}-`, "a-1"],
    check: async (input) => {
      const text = Buffer.from(input).toString("latin1")
      const opened = await Effect.runPromise(ids.open(text, session))
      if (opened._tag === "None") return
      must(text.slice(0, text.lastIndexOf("-")).endsWith(`.${prefix.split(".")[1]}`), "without its proof it opens")
      must(Number.isSafeInteger(opened.value.sequence), "its number is none")
    }
  }
]
