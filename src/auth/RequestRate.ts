/** How often one network address may ask for what anybody may ask for without signing in. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { createHash } from "node:crypto"

/** Requests a minute, by what is asked for. People behind one address are many; registrations of one client are few. */
const LIMITS = { register: 60, authorize: 120, token: 600 } as const

export type Asked = keyof typeof LIMITS

export class RequestRate extends Context.Service<
  RequestRate,
  {
    /** None: go on. Some: come back after so long. */
    readonly exceeded: (asked: Asked, address: string) => Effect.Effect<Option.Option<Duration.Duration>>
  }
>()("mcp-proxy/auth/RequestRate") {}

/** Counters are never given back, so there is a fixed number of them; whoever shares one by chance shares its limit. */
const COUNTERS = 65_536

/** The eight groups of an IPv6 address, however it is shortened. */
const groups = (address: string): ReadonlyArray<string> => {
  const [front = "", back] = address.split("::")
  const [head, tail] = [front, back ?? ""].map((part) => part.split(":").filter((group) => group !== ""))
  const zeros = Array.from({ length: Math.max(0, 8 - (head ?? []).length - (tail ?? []).length) }, () => "0")
  return [...(head ?? []), ...zeros, ...(tail ?? [])].map((group) => group.replace(/^0+(?=.)/u, "").toLowerCase())
}

/** Of an IPv6 address the network: whoever has one address of it has all. An IPv4 address may be written as one of IPv6. */
export const network = (address: string): string => {
  if (!address.includes(":")) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/iu.exec(address)?.[1]
  return mapped ?? groups(address).slice(0, 4).join(":")
}

const counterOf = (address: string): number =>
  createHash("sha256").update(network(address)).digest().readUInt32BE(0) % COUNTERS

export const layer: Layer.Layer<RequestRate> = Layer.effect(
  RequestRate,
  Effect.gen(function* () {
    const limiter = yield* RateLimiter.RateLimiter
    return RequestRate.of({
      exceeded: (asked, address) =>
        limiter
          .consume({
            algorithm: "token-bucket",
            onExceeded: "fail",
            window: "1 minute",
            limit: LIMITS[asked],
            key: `${asked} ${counterOf(address)}`
          })
          .pipe(
            Effect.as(Option.none<Duration.Duration>()),
            Effect.catch(({ reason }) =>
              Effect.succeedSome(reason._tag === "RateLimitExceeded" ? reason.retryAfter : Duration.seconds(60))
            )
          )
    })
  })
).pipe(Layer.provide(RateLimiter.layer), Layer.provide(RateLimiter.layerStoreMemory))
