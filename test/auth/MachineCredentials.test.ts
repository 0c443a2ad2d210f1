/** Programs with keys of their own: each is known by its name, and a wrong key is nobody's. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { MachineCredentials, settings, unused } from "../../src/auth/MachineCredentials.ts"
import * as Settings from "../../src/settings/Settings.ts"
import { temporaryFolder } from "../support/temporary.ts"

const key = (letter: string): string => letter.repeat(32)

const read = (env: Readonly<Record<string, string>>) =>
  Effect.map(
    Effect.provideService(
      Settings.load({ machines: settings }),
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromEnv({ env })
    ),
    ({ machines }) => machines
  )

const load = (env: Readonly<Record<string, string>>) =>
  Effect.flatMap(read(env), (values) =>
    Effect.provide(MachineCredentials, Layer.provide(MachineCredentials.layer(values), NodeFileSystem.layer))
  )

const problems = (env: Readonly<Record<string, string>>) =>
  Effect.map(Effect.flip(load(env)), (error) => error.problems.join("\n"))

const names = ({ verify }: MachineCredentials["Service"], ...bearers: ReadonlyArray<string>) =>
  bearers.map((bearer) =>
    Option.match(verify(Redacted.make(bearer)), { onNone: () => "nobody", onSome: ({ displayName }) => displayName })
  )

const withFile = <A, E>(text: string, test: (env: { readonly MCP_API_KEYS_PATH: string }) => Effect.Effect<A, E>) =>
  Effect.flatMap(temporaryFolder, (folder) => {
    const path = join(folder, "keys.json")
    writeFileSync(path, text)
    return test({ MCP_API_KEYS_PATH: path })
  })

describe("a key", () => {
  it.effect("says which program it is, wherever it is set", () =>
    withFile(`{ "${key("f")}": { "client_id": "letta-cloud", "scopes": ["*"] } }`, (file) =>
      Effect.gen(function* () {
        const machines = yield* load({
          ...file,
          MCP_AUTH_TOKEN: key("t"),
          MCP_API_KEYS: `${key("a")}:ci, ${key(":")}:night.job`
        })
        assert.deepStrictEqual(names(machines, key("t"), key("a"), key(":"), key("f"), key("x"), ""), [
          "auth-token",
          "ci",
          "night.job",
          "letta-cloud",
          "nobody",
          "nobody"
        ])
        assert.deepStrictEqual(machines.names, ["auth-token", "ci", "night.job", "letta-cloud"])
      })
    )
  )

  it.effect("makes a principal of its name", () =>
    Effect.gen(function* () {
      const { verify } = yield* load({ MCP_API_KEYS: `${key("a")}:ci` })
      const principal = Option.getOrThrow(verify(Redacted.make(key("a"))))
      assert.deepStrictEqual({ ...principal }, { subject: "key:ci", kind: "machine", displayName: "ci" } as never)
    })
  )

  it.effect("can be replaced without a gap: two keys of one name are one program", () =>
    Effect.gen(function* () {
      const machines = yield* load({ MCP_API_KEYS: `${key("a")}:ci,${key("b")}:ci` })
      assert.deepStrictEqual(names(machines, key("a"), key("b")), ["ci", "ci"])
      assert.deepStrictEqual(machines.names, ["ci"])
    })
  )

  it.effect("is found among any others, and what is none of them is nobody's", () =>
    Effect.gen(function* () {
      const keys = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9+/=._-]{32,64}$/u), { minLength: 1, maxLength: 8 })
      for (const all of fc.sample(keys, 25)) {
        const machines = yield* load({ MCP_API_KEYS: all.map((one, index) => `${one}:n${index}`).join(",") })
        assert.deepStrictEqual(
          names(machines, ...all),
          all.map((_, index) => `n${index}`)
        )
        assert.deepStrictEqual(
          names(machines, ...all.map((one) => `${one}x`)),
          all.map(() => "nobody")
        )
        assert.deepStrictEqual(
          names(machines, ...all.map((one) => one.slice(1))),
          all.map(() => "nobody")
        )
      }
    })
  )

  it.effect("is shown to nobody", () =>
    Effect.gen(function* () {
      const values = yield* read({ MCP_AUTH_TOKEN: key("t"), MCP_API_KEYS: `${key("a")}:ci` })
      assert.notMatch(JSON.stringify(values), /t{32}|a{32}/u)
    })
  )
})

describe("without any", () => {
  it.effect("everybody is nobody", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(names(yield* load({}), "", key("a")), ["nobody", "nobody"])
      const none = yield* Effect.provide(MachineCredentials, MachineCredentials.layerNone)
      assert.deepStrictEqual(names(none, ""), ["nobody"])
    })
  )
})

describe("where nobody signs in", () => {
  it.effect("keys that are set are said to be of no use", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(unused(yield* read({})), [])
      const [warning = ""] = unused(yield* read({ MCP_AUTH_TOKEN: key("t"), MCP_API_KEYS_PATH: "x" }))
      assert.include(warning, "MCP_AUTH_TOKEN, MCP_API_KEYS_PATH")
    })
  )
})

describe("what is wrong with keys", () => {
  it.effect("in the environment is said all at once, by entry, without quoting them", () =>
    Effect.gen(function* () {
      const text = yield* problems({
        MCP_AUTH_TOKEN: "short-token",
        MCP_API_KEYS: `sk-abc123:one,${key("b")},${key("c")}:two words,${key("d")}:ok,ключключключключключключключключключ:x`
      })
      assert.include(text, "MCP_AUTH_TOKEN: expected 32 characters or more")
      assert.include(text, "entry 1: its key has 9 characters, fewer than 32")
      assert.include(text, "entry 2: its key has 0 characters")
      assert.include(text, "entry 3: its name is not")
      assert.notInclude(text, "entry 4")
      assert.include(text, "entry 5: its key has characters that no header can carry")
      assert.notMatch(text, /short-token|sk-abc|b{32}|c{32}|ключ/u)
    })
  )

  it.effect("in the file is said all at once, by line, without quoting them", () =>
    withFile(
      [
        "{",
        `  "${key("a")}": { "client_id": "ok" },`,
        `  "sk-abc123": { "client_id": "short" },`,
        `  "${key("b")}": { "client_id": "limited", "scopes": ["tools"] },`,
        `  "${key("c")}": "name",`,
        `  "${key("d")}": { "clientid": "x" },`,
        `  "${key("a")}": { "client_id": "again" }`,
        "}"
      ].join("\n"),
      (file) =>
        Effect.gen(function* () {
          const text = yield* problems(file)
          const said = text.split("\n").map((line) => line.replace(/^MCP_API_KEYS_PATH: \S+keys\.json /u, ""))
          assert.deepStrictEqual(said, [
            "holds the same key twice (lines 2 and 7)",
            "has a wrong entry: its key has 9 characters, fewer than 32 (line 3)",
            'has a wrong entry: "scopes" can be ["*"] only: what a program may call is said in MCP_USERS_PATH (line 4)',
            'has a wrong entry: expected {"client_id": "name"} (line 5)',
            'has a wrong entry: expected a text as "client_id" (line 6)',
            'has a wrong entry: "clientid" is not a known key; did you mean "client_id"? (line 6)'
          ])
          assert.notMatch(text, /sk-abc|[abcd]{32}/u)
        })
    )
  )

  it.effect.each([
    ["{", "is not JSON (line 1, column 2)"],
    [`{ "${key("s")}": }`, "is not JSON (line 1"],
    ["[]", "is not an object"],
    ["7", "is not an object"]
  ] as const)("in a file such as %j is said without quoting it", ([content, words]) =>
    withFile(content, (file) =>
      Effect.gen(function* () {
        const text = yield* problems(file)
        assert.include(text, words)
        assert.notInclude(text, key("s"))
      })
    )
  )

  it.effect("includes a file that is not there", () =>
    Effect.gen(function* () {
      assert.match(
        yield* problems({ MCP_API_KEYS_PATH: "/nowhere/keys.json" }),
        /^MCP_API_KEYS_PATH: \/nowhere\/keys.json cannot be read/u
      )
    })
  )

  it.effect("includes one key for two programs, wherever they stand", () =>
    withFile(`{\n"${key("a")}": { "client_id": "filed" } }`, (file) =>
      Effect.gen(function* () {
        const text = yield* problems({ ...file, MCP_AUTH_TOKEN: key("a"), MCP_API_KEYS: `${key("a")}:ci` })
        assert.match(
          text,
          /^The same key stands in MCP_AUTH_TOKEN and in MCP_API_KEYS \(entry 1\) and in \S+keys.json \(line 2\)/u
        )
      })
    )
  )
})
