/** How often one address may ask. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import * as RequestRate from "../../src/auth/RequestRate.ts"

const ask = (asked: RequestRate.Asked, address: string) =>
  Effect.flatMap(RequestRate.RequestRate, (rate) => rate.exceeded(asked, address))

/** How many of so many requests at once were let through. */
const passed = (asked: RequestRate.Asked, addresses: ReadonlyArray<string>) =>
  Effect.map(
    Effect.forEach(addresses, (address) => ask(asked, address)),
    (answers) => answers.filter(Option.isNone).length
  )

const times = (count: number, address: string): ReadonlyArray<string> => Array.from({ length: count }, () => address)

describe("a flood from one address", () => {
  it.effect("of registrations is cut off after sixty a minute, and told when to come back", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* passed("register", times(200, "192.0.2.1")), 60)
      const wait = Option.getOrThrow(yield* ask("register", "192.0.2.1"))
      assert.isAbove(Duration.toMillis(wait), 0)
      assert.isAtMost(Duration.toMillis(wait), 60_000)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* passed("register", times(200, "192.0.2.1")), 60)
    }).pipe(Effect.provide(RequestRate.layer))
  )

  it.effect("does not shut out other addresses, nor itself from what else there is", () =>
    Effect.gen(function* () {
      yield* passed("register", times(200, "192.0.2.1"))
      assert.strictEqual(yield* passed("register", ["192.0.2.2", "198.51.100.7"]), 2)
      assert.strictEqual(yield* passed("token", times(10, "192.0.2.1")), 10)
      assert.strictEqual(yield* passed("authorize", times(10, "192.0.2.1")), 10)
    }).pipe(Effect.provide(RequestRate.layer))
  )

  it.effect("is one flood from all addresses of an IPv6 network, however they are written", () =>
    Effect.gen(function* () {
      const network = Array.from({ length: 200 }, (_, index) =>
        index % 2 === 0 ? `2001:db8::${(index + 1).toString(16)}:2:3:4` : `2001:db8:0:0:5::${index.toString(16)}`
      )
      assert.strictEqual(yield* passed("register", network), 60)
    }).pipe(Effect.provide(RequestRate.layer))
  )
})

describe("the network of an address", () => {
  const group = fc.integer({ min: 0, max: 0xffff })
  const written = (groups: ReadonlyArray<number>): string => groups.map((one) => one.toString(16)).join(":")
  /** As Node writes it. */
  const shortened = (groups: ReadonlyArray<number>): string =>
    new URL(`http://[${written(groups)}]`).hostname.slice(1, -1)

  it("is its first 64 bits, whatever follows and however it is shortened", () => {
    const half = fc.array(fc.oneof(fc.constant(0), group), { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(half, half, half, (net, one, other) => {
        const of = (host: ReadonlyArray<number>) => RequestRate.network(shortened([...net, ...host]))
        assert.strictEqual(of(one), of(other))
        assert.strictEqual(of(one), written(net))
      })
    )
  })

  it("is the IPv4 address itself, also where it is written as IPv6", () => {
    assert.strictEqual(RequestRate.network("192.0.2.1"), "192.0.2.1")
    assert.strictEqual(RequestRate.network("::ffff:192.0.2.1"), "192.0.2.1")
  })
})
