/** A change of the policy reaches those who are connected: at once, and only those whom it concerns. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import { frameOf } from "../support/frames.ts"
import { collectingLogs } from "../support/logged.ts"
import { type MemoryServer, memoryFleet } from "../support/memoryFleet.ts"
import { arrived, memoryGateway, person, rulesOf } from "../support/memoryGateway.ts"
import { settle } from "../support/settle.ts"

const ANN = person("ann@example.com")
const BOB = person("bob@example.com")

const files: MemoryServer = {
  offer: { tools: ["read", "write"], prompts: ["sum"], resources: ["file:///a", "file:///b"] }
}
const web: MemoryServer = { offer: { tools: ["get"] } }

const ALL = { allowed_tools: ["*"] }
const LISTS = ["tools/list", "prompts/list", "resources/list"]

/** Both listen and have seen all lists. */
const connected = Effect.fnUntraced(function* (users: object, endpoint?: string, server = files) {
  const fleet = memoryFleet({ files: server, web })
  const gateway = yield* memoryGateway(fleet, rulesOf(users))
  const join = Effect.fnUntraced(function* (who: typeof ANN) {
    const session = yield* gateway.begin(who, endpoint)
    for (const list of LISTS) yield* session.send(list)
    return { ...session, stream: yield* session.listen }
  })
  const ann = yield* join(ANN)
  const bob = yield* join(BOB)
  /** Puts other rules into force. */
  const change = (next: object) => Effect.andThen(gateway.replace(rulesOf(next)), settle)
  return { ...gateway, fleet, ann, bob, change }
})

const changed = (kind: string): string =>
  JSON.stringify({ jsonrpc: "2.0", method: `notifications/${kind}/list_changed` })

describe("a change of the policy", () => {
  it.effect("is told to those whose lists it changes, of those lists, and to nobody else", () =>
    Effect.gen(function* () {
      const { ann, bob, change } = yield* connected({ "*": ALL })
      yield* change({ "ann@example.com": { ...ALL, denied_tools: ["write"] }, "*": ALL })
      yield* arrived(() => ann.stream.heard.length > 0)
      assert.deepStrictEqual([ann.stream.heard, bob.stream.heard], [[changed("tools")], []])
      assert.notInclude((yield* ann.send("tools/list")).body, "files_write")
      yield* change({ "*": { allowed_servers: ["files"], allowed_resources: [] } })
      yield* arrived(() => ann.stream.heard.length >= 3 && bob.stream.heard.length >= 2)
      assert.deepStrictEqual(ann.stream.heard.slice(1), [changed("tools"), changed("resources")])
      assert.deepStrictEqual(bob.stream.heard, [changed("tools"), changed("resources")])
    }).pipe(Effect.scoped)
  )

  it.effect("that changes nothing for anybody is told to nobody", () =>
    Effect.gen(function* () {
      const { ann, bob, change } = yield* connected({ "*": ALL })
      yield* change({
        "ann@example.com": { allowed_servers: ["files", "web"] },
        "*": { ...ALL, denied_tools: ["none"] }
      })
      yield* change({ "*": ALL })
      yield* ann.send("ping")
      assert.deepStrictEqual([ann.stream.heard, bob.stream.heard], [[], []])
    }).pipe(Effect.scoped)
  )

  it.effect("is in force for the very next call", () =>
    Effect.gen(function* () {
      const { ann, change } = yield* connected({ "*": ALL })
      assert.include((yield* ann.send("tools/call", { name: "files_write" })).body, '"result"')
      yield* change({ "*": { ...ALL, denied_tools: ["write"] } })
      assert.include((yield* ann.send("tools/call", { name: "files_write" })).body, "Unknown tool")
      yield* change({ "*": ALL })
      assert.include((yield* ann.send("tools/call", { name: "files_write" })).body, '"result"')
    }).pipe(Effect.scoped)
  )

  it.effect("ends the streams of those who are let in no more, and leaves the others theirs", () =>
    Effect.gen(function* () {
      const { ann, bob, change } = yield* connected({ "*": ALL })
      yield* change({ "bob@example.com": ALL })
      yield* arrived(ann.stream.hasEnded)
      assert.isFalse(bob.stream.hasEnded())
    }).pipe(Effect.scoped)
  )

  it.effect("ends the endpoint of a server of which nothing may be used, streams included", () =>
    Effect.gen(function* () {
      const { ann, ask, bob, change } = yield* connected({ "*": ALL }, "files")
      yield* change({ "ann@example.com": { ...ALL, denied_servers: ["files"] }, "*": ALL })
      yield* arrived(ann.stream.hasEnded)
      assert.isFalse(bob.stream.hasEnded())
      assert.strictEqual((yield* ann.send("ping")).status, 404)
      const never = yield* ask(ANN, "filez", { headers: ann.headers, body: { jsonrpc: "2.0", id: 1, method: "ping" } })
      assert.strictEqual((yield* ann.send("ping")).body, never.body.replace("filez", "files"))
    }).pipe(Effect.scoped)
  )

  it.effect("lets calls that are under way go on", () =>
    Effect.gen(function* () {
      const gate = yield* Latch.make(false)
      const { ann, change } = yield* connected({ "*": ALL }, undefined, { ...files, gate: gate.await })
      const call = yield* Effect.forkScoped(ann.send("tools/call", { name: "files_write" }))
      yield* settle
      yield* change({ "bob@example.com": ALL })
      yield* gate.open
      assert.include((yield* Fiber.join(call)).body, '"result"')
    }).pipe(Effect.scoped)
  )

  it.effect("stops updates of resources that may not be seen any more", () =>
    Effect.gen(function* () {
      const { ann, bob, change, fleet } = yield* connected({ "*": ALL })
      for (const { send } of [ann, bob]) {
        for (const uri of ["file://files/a", "file://files/b"]) yield* send("resources/subscribe", { uri })
      }
      yield* change({ "ann@example.com": { ...ALL, denied_resources: ["file:///a"] }, "*": ALL })
      yield* settle
      assert.deepStrictEqual(
        fleet.reached.filter((what) => /unwatch|unsubscribe/u.test(what)),
        ["files unwatch file:///a", "files resources/unsubscribe"]
      )
      yield* arrived(() => ann.stream.heard.length > 0)
      for (const uri of ["file:///a", "file:///b"]) {
        const frame = frameOf({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } })
        fleet.say("files", { _tag: "ResourceUpdated", uri, frame })
      }
      yield* arrived(() => ann.stream.heard.length >= 2 && bob.stream.heard.length >= 2)
      assert.deepStrictEqual(
        [ann, bob].map(({ stream }) => stream.heard.flatMap((text) => /file:\/\/files\/./u.exec(text)?.[0] ?? [])),
        [["file://files/b"], ["file://files/a", "file://files/b"]]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is remarked upon where it names servers that do not exist", () =>
    Effect.gen(function* () {
      const [, lines] = yield* collectingLogs(
        Effect.gen(function* () {
          const { change } = yield* connected({ "*": ALL })
          yield* change({ "*": { allowed_servers: ["fils"] } })
        })
      )
      // The test's own clock may have something to say too.
      const warnings = lines.filter(({ fields, level }) => level === "Warn" && fields["logger"] === "access")
      assert.deepStrictEqual(
        warnings.map(({ text }) => text),
        ['"*".allowed_servers[0]: there is no server "fils"; did you mean "files"?']
      )
    }).pipe(Effect.scoped)
  )
})
