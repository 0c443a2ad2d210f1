/** What a lane's callers wish to be told of, counted. */
import { assert, describe, it } from "@effect/vitest"
import { SessionKey } from "../../src/domain/ServerId.ts"
import { Watched } from "../../src/upstream/Watched.ts"

const [one, other] = [SessionKey.make("one"), SessionKey.make("other")]

const counted = () => {
  let changes = 0
  const watched = new Watched(() => void changes++)
  return { watched, changes: () => changes }
}

describe("what is watched", () => {
  it("is watched as long as somebody does, and changes only when it begins or ends", () => {
    const { changes, watched } = counted()
    watched.watch("a://1", one)
    watched.watch("a://1", one)
    watched.watch("a://1", other)
    assert.deepStrictEqual([watched.uris, changes()], [["a://1"], 1])
    assert.isFalse(watched.unwatch("a://1", one))
    assert.strictEqual(changes(), 1)
    assert.isTrue(watched.unwatch("a://1", other))
    assert.deepStrictEqual([watched.uris, changes()], [[], 2])
    assert.isTrue(watched.unwatch("a://1", other), "nobody watches it")
    assert.strictEqual(changes(), 2)
  })

  it("is forgotten with the session, as far as nobody else watches it", () => {
    const { watched } = counted()
    watched.watch("a://1", one)
    watched.watch("a://2", one)
    watched.watch("a://2", other)
    assert.deepStrictEqual(watched.forget(one), ["a://1"])
    assert.deepStrictEqual(watched.uris, ["a://2"])
  })

  it("is followed as often as it was asked for", () => {
    const { changes, watched } = counted()
    watched.follow("t")
    watched.follow("t")
    watched.unfollow("t")
    assert.deepStrictEqual([watched.tasks, changes()], [["t"], 1])
    watched.unfollow("t")
    watched.unfollow("t")
    assert.deepStrictEqual([watched.tasks, changes()], [[], 2])
  })
})
