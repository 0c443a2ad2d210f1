/** What lies between two configurations. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"
import * as ConfigDifference from "../../src/domain/ConfigDifference.ts"
import { type GatewayConfig, makeServer, sameConnection, type ServerConfig } from "../../src/domain/ServerConfig.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import { configOf } from "../support/memoryServers.ts"

const stdio = (name: string, more: Partial<ServerConfig> = {}, secret = "s3cret", arg = "x"): ServerConfig =>
  makeServer({
    id: ServerId.make(name),
    transport: {
      _tag: "Stdio",
      command: "npx",
      args: [arg, Redacted.make(secret)],
      env: { TOKEN: Redacted.make(secret) },
      cwd: undefined
    },
    ...more
  })

const remote = (name: string): ServerConfig =>
  makeServer({ id: ServerId.make(name), transport: { _tag: "Http", url: "https://x.example/mcp", headers: {} } })

const between = (a: GatewayConfig, b: GatewayConfig) => ConfigDifference.between(a, b)

/** A configuration as any reading of the same file would make it: other objects, equal values. */
const servers = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("a", "b", "c", "d"),
    arg: fc.constantFrom("1", "2"),
    secret: fc.constantFrom("x", "y"),
    disabledTools: fc.constantFrom([], ["t"]),
    seconds: fc.constantFrom(60, 61)
  }),
  { selector: ({ name }) => name }
)
type Drawn = Parameters<Parameters<typeof servers.map>[0]>[0]
const made = (drawn: Drawn): GatewayConfig =>
  configOf(
    ...drawn.map(({ arg, disabledTools, name, seconds, secret }) =>
      stdio(name, { disabledTools, callTimeout: Duration.seconds(seconds) }, secret, arg)
    )
  )

describe("between two configurations", () => {
  it("there is nothing where their values are equal, whatever their order", () => {
    fc.assert(
      fc.property(servers, (drawn) => {
        const difference = between(made(drawn), made([...drawn].reverse()))
        assert.isTrue(ConfigDifference.isNone(difference))
        assert.strictEqual(ConfigDifference.describe(difference), "nothing differs")
        assert.sameMembers(
          [...difference.unchanged],
          drawn.map(({ name }) => ServerId.make(name))
        )
      })
    )
  })

  it("every server is in one place: added, removed, changed or unchanged", () => {
    fc.assert(
      fc.property(servers, servers, (before, after) => {
        const { added, changed, removed, unchanged } = between(made(before), made(after))
        const places = [...added, ...removed, ...changed.map(({ server }) => server), ...unchanged]
        assert.sameMembers(places.map(String), [...new Set([...before, ...after].map(({ name }) => name))])
        for (const { isRebuilt, server, settings } of changed) {
          const [a, b] = [before, after].map((drawn) => made(drawn).servers.find(({ id }) => id === server))
          assert.isNotEmpty(settings)
          assert.strictEqual(isRebuilt, a !== undefined && b !== undefined && !sameConnection(a, b))
        }
      })
    )
  })

  it("a rotated secret counts, and is named, not told", () => {
    const difference = between(configOf(stdio("a", {}, "old-secret")), configOf(stdio("a", {}, "new-secret")))
    assert.deepStrictEqual(difference.changed, [
      { server: ServerId.make("a"), settings: ["args", "env"], isRebuilt: true }
    ])
    assert.notInclude(JSON.stringify(difference) + ConfigDifference.describe(difference), "secret")
  })

  it("what is only shown differently needs no other connection", () => {
    const more = { description: "A", enabledTools: ["x"], disabledTools: ["y"], reload: "overlap" } as const
    const [change] = between(configOf(stdio("a")), configOf(stdio("a", more))).changed
    assert.deepStrictEqual(change?.settings, ["description", "disabledTools", "enabledTools", "reload"])
    assert.isFalse(change?.isRebuilt)
  })

  it("another transport is another type", () => {
    const [change] = between(
      configOf(stdio("a", { isolation: "session", reload: "overlap" })),
      configOf(remote("a"))
    ).changed
    assert.deepStrictEqual(change?.settings, ["type"])
    assert.isTrue(change?.isRebuilt)
  })

  it("all of it can be said in one line", () => {
    const before = { ...configOf(stdio("gone"), stdio("other"), stdio("shown")), pageSize: 5 }
    const after = configOf(stdio("new"), stdio("other", {}, "s2"), stdio("shown", { description: "S" }))
    assert.strictEqual(
      ConfigDifference.describe(between(before, after)),
      "added new; removed gone; rebuilt other (args, env); adjusted shown (description); gateway.pageSize"
    )
  })
})
