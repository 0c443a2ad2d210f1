/** Files that are made from the sources say what the sources say. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join, resolve } from "node:path"
import { text as envExample } from "../../scripts/env-example.ts"
import { drift } from "../../scripts/generated.ts"
import { text as wasm } from "../../scripts/wasm.ts"
import * as UsersSchema from "../../src/access/JsonSchema.ts"
import * as UsersFile from "../../src/access/UsersFile.ts"
import * as AllSettings from "../../src/cli/AllSettings.ts"
import * as JsonSchema from "../../src/config/JsonSchema.ts"

const read = (file: string): string => readFileSync(join(resolve(import.meta.dirname, "../.."), file), "utf8")

describe("a generated file", () => {
  it("that differs is noticed, with its first line that does", () => {
    assert.isUndefined(drift("a\nb\n", "a\nb\n"))
    assert.strictEqual(drift("a\nB\nc\n", "a\nb\nc\n"), 'line 2 is "B", not "b"')
    assert.strictEqual(drift("a\nb\nmore\n", "a\nb\n"), 'line 3 is "more", not ""')
    assert.strictEqual(drift("", "a\n"), 'line 1 is "", not "a"')
  })
})

describe("JsonStringModule.ts", () => {
  const source = read("src/domain/JsonString.wat")

  it("is what JsonString.wat says", async () => {
    const written = read("src/domain/JsonStringModule.ts")
    assert.isUndefined(drift(written, await wasm(source)))
    assert.isDefined(drift(written, await wasm(source.replace("0x22", "0x23"))))
  })

  it("is not made of what is no WebAssembly, which is named with its line", async () => {
    const error: unknown = await wasm(source.replace("i64.extend_i32_u", "i64.extend")).catch((error: unknown) => error)
    assert.match(String(error), /JsonString\.wat:14:/u)
  })
})

/** The validator that dclint brings along. */
const Ajv = createRequire(createRequire(import.meta.url).resolve("dclint"))("ajv/dist/2020").default as new (options: {
  readonly allErrors: boolean
}) => {
  readonly compile: (
    schema: unknown
  ) => ((value: unknown) => boolean) & { readonly errors?: ReadonlyArray<{ readonly instancePath: string }> | null }
}

/** Where a value is not what the schema in a file says. */
const validator = (file: string) => {
  const validate = new Ajv({ allErrors: true }).compile(JSON.parse(read(file)))
  return (value: unknown): ReadonlyArray<string> =>
    validate(value) ? [] : (validate.errors ?? []).map(({ instancePath }) => instancePath)
}

describe("docs/users.schema.json", () => {
  const complaints = validator("docs/users.schema.json")

  it("is what UsersFile says", () => {
    assert.isUndefined(drift(read("docs/users.schema.json"), UsersSchema.text()))
  })

  it("finds nothing in the example of the documentation", () => {
    const [, example = ""] = /```json\n(\{\n {2}"\$schema"[^`]*)```/u.exec(read("docs/permissions.md")) ?? []
    const value: unknown = JSON.parse(example)
    assert.deepStrictEqual(complaints(value), [])
    assert.isTrue(Result.isSuccess(UsersFile.read(example)))
  })

  it("sees wrong values and unknown keys, in entries and in roles", () => {
    assert.deepStrictEqual(complaints({ "a@b.c": { allowed_tool: [] } }), ["/a@b.c"])
    assert.deepStrictEqual(complaints({ "a@b.c": { allowed_tools: "*" } }), ["/a@b.c/allowed_tools"])
    assert.deepStrictEqual(complaints({ roles: { reader: { roles: [] } } }), ["/roles/reader"])
    assert.deepStrictEqual(complaints({ "*": [] }), ["/*"])
  })
})

describe("mcp_config.schema.json", () => {
  const complaints = validator("mcp_config.schema.json")

  it("is what GatewayConfig says", () => {
    assert.isUndefined(drift(read("mcp_config.schema.json"), JsonSchema.text()))
  })

  it("finds nothing in the configuration that comes with the project", () => {
    assert.deepStrictEqual(complaints(JSON.parse(read("mcp_config.json"))), [])
  })

  it("accepts the spellings of other clients in a server's entry", () => {
    assert.deepStrictEqual(complaints({ mcpServers: { a: { httpUrl: "https://example.com", alwaysAllow: [] } } }), [])
  })

  it("sees wrong values, and unknown keys everywhere else", () => {
    assert.deepStrictEqual(complaints({ mcpServers: {}, mcpserver: {} }), [""])
    assert.deepStrictEqual(complaints({ mcpServers: {}, gateway: { nameing: "auto" } }), ["/gateway"])
    assert.deepStrictEqual(
      complaints({ mcpServers: { a: { command: "x", restart: { delya: "1 s" } } } })[0],
      "/mcpServers/a/restart"
    )
    assert.deepStrictEqual(complaints({ mcpServers: { a: { command: "x", callTimeout: "30" } } }), [
      "/mcpServers/a/callTimeout"
    ])
    assert.deepStrictEqual(complaints({}), [""])
  })
})

describe(".env.example", () => {
  it("is what the settings say", () => {
    assert.isUndefined(drift(read(".env.example"), envExample()))
  })

  it("holds every variable once", () => {
    const names = Object.values(AllSettings.groups).flatMap((group) => Object.values(group).map(({ name }) => name))
    const held = [...read(".env.example").matchAll(/^([A-Z0-9_]+)=/gmu)].map(([, name]) => name)
    assert.deepStrictEqual(held, names)
    assert.strictEqual(new Set(held).size, held.length)
  })

  it.effect("copied as it stands changes nothing", () =>
    Effect.gen(function* () {
      const read1 = (provider: ConfigProvider.ConfigProvider) =>
        Effect.provideService(AllSettings.load, ConfigProvider.ConfigProvider, provider)
      const copied = yield* read1(ConfigProvider.fromDotEnvContents(read(".env.example")))
      assert.deepStrictEqual(copied, yield* read1(ConfigProvider.fromUnknown({})))
    })
  )
})
