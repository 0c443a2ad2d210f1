/** One cursor over a merged list: every page once, also while the list changes, and nothing but cursors of ours. */
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import * as Cursor from "../../src/domain/Cursor.ts"

const names = fc.uniqueArray(fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.webUrl()), { maxLength: 30 })
const pageSize = fc.integer({ min: 1, max: 12 })

interface Page {
  readonly items: ReadonlyArray<string>
  readonly next: string | undefined
}

/** A page of the list as it is now. */
const page = (list: ReadonlyArray<string>, cursor: string | undefined, size: number): Page => {
  const position = cursor === undefined ? undefined : Option.getOrUndefined(Cursor.decode(cursor))
  const from = position === undefined ? 0 : Cursor.resume(list, position)
  const to = Math.min(list.length, from + size)
  const last = list[to - 1]
  return {
    items: list.slice(from, to),
    next: to < list.length && last !== undefined ? Cursor.encode({ index: to, after: last }) : undefined
  }
}

describe("walking a list", () => {
  it("gives every item once, in order, whatever the page size", () => {
    fc.assert(
      fc.property(names, pageSize, (list, size) => {
        const seen: Array<string> = []
        let cursor: string | undefined
        do {
          const { items, next } = page(list, cursor, size)
          seen.push(...items)
          assert.isAtMost(items.length, size)
          cursor = next
        } while (cursor !== undefined)
        assert.deepStrictEqual(seen, list)
      })
    )
  })

  it("ends on a full last page without an empty one after it", () => {
    assert.isUndefined(page(["a", "b"], page(["a", "b", "c", "d"], undefined, 2).next, 2).next)
    assert.deepStrictEqual(page(["a", "b", "c", "d"], page(["a", "b", "c", "d"], undefined, 2).next, 2), {
      items: ["c", "d"],
      next: undefined
    })
  })
})

describe("a list that changes between two pages", () => {
  it("goes on after the last item shown, wherever that stands now: nothing after it is skipped, nothing comes again", () => {
    const change = fc.record({
      list: names.filter((list) => list.length > 1),
      size: pageSize,
      added: fc.uniqueArray(
        fc.nat().map((n) => `added ${n}`),
        { maxLength: 5 }
      ),
      at: fc.nat(),
      keep: fc.array(fc.boolean(), { minLength: 30, maxLength: 30 })
    })
    fc.assert(
      fc.property(change, ({ added, at, keep, list, size }) => {
        const first = page(list, undefined, size)
        const last = first.items.at(-1)
        if (first.next === undefined || last === undefined) return
        const left = list.filter((name, index) => name === last || keep[index])
        const place = at % (left.length + 1)
        const now = [...left.slice(0, place), ...added, ...left.slice(place)]
        const second = page(now, first.next, now.length)
        assert.deepStrictEqual(second.items, now.slice(now.indexOf(last) + 1))
      }),
      { numRuns: 500 }
    )
  })

  it("goes on where the last item shown stood, if that is gone: what came after it is not skipped", () => {
    const list = ["a", "b", "c", "d", "e"]
    const { next } = page(list, undefined, 2)
    assert.deepStrictEqual(page(["a", "c", "d", "e"], next, 2).items, ["c", "d"])
  })

  it("goes on somewhere sensible, if everything else is gone too", () => {
    const { next } = page(["a", "b", "c"], undefined, 2)
    assert.deepStrictEqual(page([], next, 2), { items: [], next: undefined })
    assert.deepStrictEqual(page(["x"], next, 2).next, undefined)
  })

  it("never starts outside the list", () => {
    fc.assert(
      fc.property(names, fc.nat(), fc.string(), (list, index, after) => {
        const from = Cursor.resume(list, { index, after })
        assert.isAtLeast(from, 0)
        assert.isAtMost(from, list.length)
      })
    )
  })
})

describe("cursors", () => {
  it("come back as what they were made of, and are safe in any JSON", () => {
    fc.assert(
      fc.property(fc.nat(), fc.oneof(fc.string({ unit: "grapheme" }), fc.constant("\ud800")), (index, after) => {
        const cursor = Cursor.encode({ index, after })
        assert.match(cursor, /^[A-Za-z0-9_-]+$/u)
        assert.deepStrictEqual(Cursor.decode(cursor), Option.some({ index, after }))
      })
    )
  })

  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

  it.each([
    ["nothing", ""],
    ["a number", 7],
    ["null", null],
    ["an object", { index: 1, after: "a" }],
    ["a word", "next"],
    ["a page number", "2"],
    ["characters that base64url does not have", "!!!"],
    ["base64url of no JSON", Buffer.from("[1,").toString("base64url")],
    ["base64url of no UTF-8", Buffer.from([0xff, 0xfe, 0xfd]).toString("base64url")],
    ["an object in base64url", encoded({ index: 1, after: "a" })],
    ["a negative index", encoded([-1, "a"])],
    ["a fraction as index", encoded([1.5, "a"])],
    ["an index as text", encoded(["1", "a"])],
    ["a name that is no text", encoded([1, null])],
    ["too few parts", encoded([1])],
    ["too many parts", encoded([1, "a", 2])],
    ["another list's cursor", encoded({ offset: 100 })]
  ])("junk is refused: %s", (_, cursor) => {
    assert.deepStrictEqual(Cursor.decode(cursor), Option.none())
  })

  it("no text makes reading one throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.base64String(), fc.anything()), (cursor) => {
        Cursor.decode(cursor)
      })
    )
  })
})
