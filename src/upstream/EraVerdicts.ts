/** Which era a server was found to speak, remembered across connections and restarts. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { createHash } from "node:crypto"
import type { Era } from "../domain/Protocol.ts"
import { reveal, type ServerConfig, type Transport } from "../domain/ServerConfig.ts"
import { logger } from "../observability/Logging.ts"
import { Store } from "../storage/Store.ts"

const log = logger("upstream")

const TABLE = "era-verdicts"

/** A server taken for legacy that has become modern goes on to work as legacy: nothing else would have it asked again. */
const LIFETIME: Readonly<Record<Era, Duration.Duration>> = { legacy: Duration.hours(24), modern: Duration.days(3650) }

const revealed = (values: Readonly<Record<string, Parameters<typeof reveal>[0]>>) =>
  Object.entries(values)
    .map(([name, value]) => [name, reveal(value)])
    .sort(([a = ""], [b = ""]) => (a < b ? -1 : 1))

/** Everything by which it is decided what runs, or answers, there. */
const settingsOf = (transport: Transport): unknown => {
  switch (transport._tag) {
    case "Stdio": {
      const { args, command, cwd, env } = transport
      return ["stdio", reveal(command), args.map(reveal), revealed(env), cwd === undefined ? null : reveal(cwd)]
    }
    case "Http":
    case "Sse":
      return [transport._tag, reveal(transport.url), revealed(transport.headers)]
    case "Unusable":
      return []
  }
}

/** The server, and a digest of its settings, which may hold secrets. */
const keyOf = ({ id, transport }: ServerConfig): string =>
  `${id} ${createHash("sha256")
    .update(JSON.stringify(settingsOf(transport)))
    .digest("base64url")}`

/** A store that fails costs a question, no more. */
export class EraVerdicts extends Context.Service<
  EraVerdicts,
  {
    readonly recall: (config: ServerConfig) => Effect.Effect<Era | undefined>
    readonly remember: (config: ServerConfig, era: Era) => Effect.Effect<void>
    readonly forget: (config: ServerConfig) => Effect.Effect<void>
  }
>()("mcp-proxy/upstream/EraVerdicts") {
  static readonly layer: Layer.Layer<EraVerdicts, never, Store> = Layer.effect(
    EraVerdicts,
    Effect.map(Store, (store) => {
      const tolerate = (config: ServerConfig) => (error: { readonly message: string }) =>
        log.warning(error.message, { server: config.id })
      return EraVerdicts.of({
        recall: (config) =>
          store.get(TABLE, keyOf(config)).pipe(
            Effect.map((found): Era | undefined =>
              Option.isSome(found) && (found.value === "legacy" || found.value === "modern") ? found.value : undefined
            ),
            Effect.catch((error) => Effect.as(tolerate(config)(error), undefined))
          ),
        remember: (config, era) =>
          Effect.catch(store.put(TABLE, { key: keyOf(config), value: era }, LIFETIME[era]), tolerate(config)),
        forget: (config) => Effect.catch(store.remove(TABLE, keyOf(config)), tolerate(config))
      })
    })
  )
}
