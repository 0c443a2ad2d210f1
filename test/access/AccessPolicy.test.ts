/** The policy in force: what the start refuses, what a change does, and what never undoes it. */
import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { AccessPolicy, layer, layerEveryone } from "../../src/access/AccessPolicy.ts"
import { anonymous } from "../../src/domain/Principal.ts"
import { ServerId } from "../../src/domain/ServerId.ts"
import { collectingLogs } from "../support/logged.ts"
import { memoryFile } from "../support/memoryFile.ts"
import { person } from "../support/memoryGateway.ts"
import { settle } from "../support/settle.ts"
import { temporaryFolder } from "../support/temporary.ts"

type Values = Parameters<typeof layer>[0]

const NONE: Values = { usersPath: Option.none<string>(), allowedEmails: [], allowedDomains: [] }
const NAMED = { ...NONE, usersPath: Option.some("/data/users.json") }

const ANN = person("ann@example.com")
const BOB = person("bob@example.com")

const only = (...emails: ReadonlyArray<string>): string =>
  JSON.stringify(Object.fromEntries(emails.map((email) => [email, { allowed_tools: ["*"] }])))

/** The policy of a file, and that file. */
const running = Effect.fnUntraced(function* (initial: string, values = NONE) {
  const file = memoryFile("/data/users.json", initial)
  const built = yield* Layer.build(layer(values, "/data").pipe(Layer.provide(file.layer)))
  const policy = yield* Effect.provide(AccessPolicy, built)
  yield* settle
  const isIn = (who = ANN) => policy.permissions(who).admitted
  return { file, policy, isIn }
})

const wait = (duration: Duration.Input) => Effect.andThen(TestClock.adjust(duration), settle)

describe("the start", () => {
  it.effect("without file and list lets everyone in, and warns of it with the remedy", () =>
    Effect.gen(function* () {
      const { isIn, policy } = yield* running("NotFound")
      assert.isTrue(isIn())
      assert.deepStrictEqual(policy.admit({ email: "x@y.z" }), { _tag: "Admitted", isAdmin: false })
      const { level, text } = policy.summary()
      assert.strictEqual(level, "warning")
      for (const remedy of ["MCP_ALLOWED_EMAILS", "MCP_ALLOWED_DOMAINS", "/data/users.json"])
        assert.include(text, remedy)
    }).pipe(Effect.scoped)
  )

  it.effect("says how many people and domains are let in, and by what", () =>
    Effect.gen(function* () {
      const summary = (file: string, values = NONE) =>
        Effect.map(running(file, values), ({ policy }) => policy.summary())
      const both = { ...NONE, allowedEmails: ["Zoe@x.org"], allowedDomains: ["@X.org", "y.org"] }
      assert.deepStrictEqual(yield* summary(only("ann@example.com")), {
        level: "info",
        text: "1 person and 0 domains can sign in (/data/users.json)."
      })
      assert.deepStrictEqual(yield* summary(only("a@b.c", "bot"), both), {
        level: "info",
        text: "2 people, 1 machine credential and 2 domains can sign in (/data/users.json, MCP_ALLOWED_EMAILS, MCP_ALLOWED_DOMAINS)."
      })
      assert.deepStrictEqual(yield* summary('{"*": {}}'), {
        level: "info",
        text: "Anyone with an account can sign in; 0 people and 0 domains have rules of their own (/data/users.json)."
      })
      assert.strictEqual((yield* summary("{}")).level, "warning", "nobody can sign in")
    }).pipe(Effect.scoped)
  )

  it.effect(
    "is refused for a named file that does not exist, cannot be read, or makes no sense, with all that is wrong",
    () =>
      Effect.gen(function* () {
        const refusal = (content: string, values = NAMED) =>
          Effect.map(Effect.flip(running(content, values)), (error) => error.message)
        const missing = yield* refusal("NotFound")
        assert.include(missing, "MCP_USERS_PATH: there is no file /data/users.json. Create it: ")
        assert.match(yield* refusal("PermissionDenied"), /^\/data\/users\.json cannot be read: /u)
        assert.match(yield* refusal("PermissionDenied", NONE), /^\/data\/users\.json cannot be read: /u)
        for (const values of [NAMED, NONE]) {
          assert.strictEqual(
            yield* refusal('{"a@b.c": {"rolse": []},\n "d@e.f": []}', values),
            [
              "/data/users.json has 2 problems:",
              '  "a@b.c".rolse: is not a known key; did you mean "roles"? (line 1)',
              '  "d@e.f": expected an object (line 2)'
            ].join("\n")
          )
        }
      }).pipe(Effect.scoped)
  )

  it.effect("remarks upon servers that do not exist", () =>
    Effect.gen(function* () {
      const users = {
        roles: { reader: { denied_servers: ["fiels", "f*"] } },
        "ann@example.com": { allowed_servers: ["files", "my server", "my_server", "nowhere-at-all"] }
      }
      const { policy } = yield* running(JSON.stringify(users))
      assert.deepStrictEqual(policy.remarks([ServerId.make("files"), ServerId.make("my server")]), [
        'roles.reader.denied_servers[0]: there is no server "fiels"; did you mean "files"?',
        '"ann@example.com".allowed_servers[3]: there is no server "nowhere-at-all"'
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a person with words that are for them", () =>
    Effect.gen(function* () {
      const { policy } = yield* running('{"@corp.test": {"roles": ["admin"]}}')
      assert.deepStrictEqual(policy.admit({ email: "a@b.c", hostedDomain: "corp.test" }), {
        _tag: "Admitted",
        isAdmin: true
      })
      const refused = policy.admit({ email: "a@b.c", hostedDomain: undefined })
      assert.strictEqual(refused._tag, "Refused")
      assert.match(
        refused._tag === "Refused" ? refused.reason : "",
        /^a@b\.c is not among those .* Ask whoever runs it/u
      )
    }).pipe(Effect.scoped)
  )
})

describe("a change of the file", () => {
  it.effect("is in force a moment after its folder tells of it, and makes a new version", () =>
    Effect.gen(function* () {
      const { file, isIn, policy } = yield* running(only("ann@example.com"))
      const before = policy.permissions(ANN)
      assert.strictEqual(policy.permissions(ANN), before)
      yield* file.become(only("bob@example.com"))
      yield* file.tell("users.json")
      yield* wait("150 millis")
      assert.deepStrictEqual([isIn(ANN), isIn(BOB), policy.version()], [false, true, 2])
    }).pipe(Effect.scoped)
  )

  it.effect("is in force within a second where the folder tells of nothing, also if a link is swapped beside it", () =>
    Effect.gen(function* () {
      const { file, isIn } = yield* running(only("ann@example.com"))
      yield* file.become(only("bob@example.com"))
      yield* wait("1 second")
      assert.deepStrictEqual([isIn(ANN), isIn(BOB)], [false, true])
      yield* file.become(only("ann@example.com"))
      yield* file.tell("..data")
      yield* wait("150 millis")
      assert.deepStrictEqual([isIn(ANN), isIn(BOB)], [true, false])
    }).pipe(Effect.scoped)
  )

  it.effect("to another file of the folder is none", () =>
    Effect.gen(function* () {
      const { file, policy } = yield* running(only("ann@example.com"))
      const before = file.reads()
      yield* file.tell("state.db")
      yield* wait("500 millis")
      assert.strictEqual(file.reads(), before)
      yield* file.tell("users.json")
      yield* wait("400 millis")
      assert.isAbove(file.reads(), before)
      assert.strictEqual(policy.version(), 1, "the text is the same")
    }).pipe(Effect.scoped)
  )

  it.effect("that makes no sense leaves the last good policy in force, and is said once", () =>
    Effect.gen(function* () {
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const { file, isIn, policy } = yield* running(only("ann@example.com"))
          for (const broken of ["{", "", '{"ann@example.com": {"allowed_tool": []}}', "PermissionDenied", "NotFound"]) {
            yield* file.become(broken)
            yield* wait("10 seconds")
            assert.deepStrictEqual([isIn(ANN), isIn(BOB), policy.version()], [true, false, 1], broken)
          }
          yield* file.become(only("bob@example.com"))
          yield* wait("1 second")
          assert.deepStrictEqual([isIn(ANN), isIn(BOB), policy.version()], [false, true, 2])
        })
      )
      const said = lines.map(({ level, text }) => `${level} ${text.split("\n")[0]}`)
      assert.deepStrictEqual(said, [
        "Error /data/users.json has 1 problem:",
        "Error /data/users.json has 1 problem:",
        "Error /data/users.json has 1 problem:",
        said[3],
        "Error /data/users.json is gone. To do without it, restart.",
        "Info The rules have changed. 1 person and 0 domains can sign in (/data/users.json)."
      ])
      assert.include(said[3], "cannot be read")
      assert.include(lines[2]?.text, 'did you mean "allowed_tools"?')
      for (const { text } of lines.slice(0, 5)) assert.include(text, "The rules in force stay as they are.")
    }).pipe(Effect.scoped)
  )

  it.effect("seen while it is being written is no complaint", () =>
    Effect.gen(function* () {
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const { file, isIn } = yield* running(only("ann@example.com"))
          yield* file.become("")
          yield* wait("1 second")
          yield* file.become(only("bob@example.com"))
          yield* wait("1 second")
          assert.deepStrictEqual([isIn(ANN), isIn(BOB)], [false, true])
        })
      )
      assert.deepStrictEqual(
        lines.map(({ level }) => level),
        ["Info"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("that brings it into being ends the time in which everyone was let in", () =>
    Effect.gen(function* () {
      const { file, isIn } = yield* running("NotFound")
      assert.isTrue(isIn(BOB))
      yield* file.become(only("ann@example.com"))
      yield* wait("1 second")
      assert.deepStrictEqual([isIn(ANN), isIn(BOB)], [true, false])
      yield* file.become("NotFound")
      yield* wait("10 seconds")
      assert.deepStrictEqual([isIn(ANN), isIn(BOB)], [true, false], "losing it does not bring it back")
    }).pipe(Effect.scoped)
  )

  it.effect("is told to those who follow the policy, after the one that they begin with", () =>
    Effect.gen(function* () {
      const { file, policy } = yield* running(only("ann@example.com"))
      const heard = yield* Effect.forkScoped(Stream.runCollect(Stream.take(policy.changes, 2)))
      yield* settle
      yield* file.become(only("a@b.c", "d@e.f"))
      yield* wait("1 second")
      const versions = yield* Fiber.join(heard)
      assert.deepStrictEqual(
        [...versions].map(({ summary, version }) => [version, summary.text.slice(0, 8)]),
        [
          [1, "1 person"],
          [2, "2 people"]
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.live("is seen in a real folder: written, replaced, and by a link that is swapped", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "users.json")
      writeFileSync(path, only("ann@example.com"))
      const built = yield* Layer.build(layer(NONE, folder).pipe(Layer.provide(NodeServices.layer)))
      const policy = yield* Effect.provide(AccessPolicy, built)
      const until = (version: number) =>
        Stream.runHead(Stream.filter(policy.changes, (now) => now.version >= version)).pipe(Effect.timeout("5 seconds"))
      writeFileSync(path, only("bob@example.com"))
      yield* until(2)
      assert.deepStrictEqual([policy.permissions(ANN).admitted, policy.permissions(BOB).admitted], [false, true])
      writeFileSync(`${path}.new`, only("ann@example.com"))
      renameSync(`${path}.new`, path)
      yield* until(3)
      assert.isTrue(policy.permissions(ANN).admitted)
    }).pipe(Effect.scoped)
  )

  it.live("is seen where Kubernetes mounts it: a link beside the file is swapped", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      for (const [name, email] of [
        ["..1", "ann@example.com"],
        ["..2", "bob@example.com"]
      ] as const) {
        mkdirSync(join(folder, name))
        writeFileSync(join(folder, name, "users.json"), only(email))
        symlinkSync(name, join(folder, `${name}-link`))
      }
      renameSync(join(folder, "..1-link"), join(folder, "..data"))
      symlinkSync(join("..data", "users.json"), join(folder, "users.json"))
      const built = yield* Layer.build(layer(NONE, folder).pipe(Layer.provide(NodeServices.layer)))
      const policy = yield* Effect.provide(AccessPolicy, built)
      assert.isFalse(policy.permissions(BOB).admitted)
      renameSync(join(folder, "..2-link"), join(folder, "..data"))
      const changed = Stream.filter(policy.changes, ({ version }) => version === 2)
      yield* Stream.runHead(changed).pipe(Effect.timeout("5 seconds"))
      assert.isTrue(policy.permissions(BOB).admitted)
    }).pipe(Effect.scoped)
  )
})

describe("the policy of a program that decides for itself", () => {
  it.effect("lets everyone do everything", () =>
    Effect.gen(function* () {
      const policy = yield* AccessPolicy
      for (const who of [ANN, anonymous]) assert.isTrue(policy.permissions(who).admitted)
      assert.strictEqual(policy.version(), 1)
    }).pipe(Effect.provide(layerEveryone))
  )
})
