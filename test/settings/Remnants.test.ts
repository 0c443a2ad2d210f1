/** Variables of the program's predecessors: none is ignored in silence. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Remnants from "../../src/settings/Remnants.ts"

const warnings = (env: Record<string, string>) =>
  Effect.provide(Remnants.warnings, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

describe("a variable that this program does not act upon", () => {
  it.effect.each(Object.keys(Remnants.REMNANTS))("%s is warned of once, with what to do instead", (name) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warnings({ [name]: "anything" }), [
        `${name} is not used: ${Remnants.REMNANTS[name]}.`
      ])
    })
  )

  it.effect("all of them at once are warned of once each", () =>
    Effect.gen(function* () {
      const names = Object.keys(Remnants.REMNANTS)
      const said = yield* warnings(Object.fromEntries(names.map((name) => [name, "x"])))
      assert.sameMembers(
        said.map((line) => line.split(" ")[0] ?? ""),
        names
      )
    })
  )

  it.effect.each([
    "FASTMCP_SERVER_AUTH",
    "FASTMCP_SERVER_AUTH_GOOGLE_CLIENT_ID",
    "FASTMCP_EXPERIMENTAL__ENABLE_NEW_OPENAPI_PARSER",
    "FASTMCP_X"
  ])("%s, which FastMCP may know, is warned of too", (name) =>
    Effect.gen(function* () {
      const said = yield* warnings({ [name]: "x" })
      assert.strictEqual(said.length, 1)
      assert.include(said[0], `${name} is not used: `)
    })
  )

  it.effect("two of which one begins like the other are both warned of", () =>
    Effect.gen(function* () {
      const said = yield* warnings({ FASTMCP_SERVER: "x", FASTMCP_SERVER_AUTH: "y", FASTMCP_LOG_LEVEL: "z" })
      assert.sameMembers(
        said.map((line) => line.split(" ")[0] ?? ""),
        ["FASTMCP_SERVER", "FASTMCP_SERVER_AUTH", "FASTMCP_LOG_LEVEL"]
      )
    })
  )

  it.effect("says nothing of its value", () =>
    Effect.gen(function* () {
      const said = yield* warnings({ MCP_BEARER_TOKEN: "s3cr3t", FASTMCP_SERVER_AUTH_JWT: "s3cr3t" })
      assert.strictEqual(said.length, 2)
      assert.notInclude(said.join("\n"), "s3cr3t")
    })
  )

  it.effect("is no matter while it is empty, or somebody else's", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* warnings({ MCP_BEARER_TOKEN: "", FASTMCP_X: "", MY_FASTMCP_X: "y", FASTMCPX: "z", MCP_PORT: "8080" }),
        []
      )
    })
  )
})
