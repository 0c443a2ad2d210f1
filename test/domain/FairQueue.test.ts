/** Calls beyond a bound wait, and owners take turns. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { FairQueue, Place, type QueueBounds } from "../../src/domain/FairQueue.ts"

const bounds = (concurrent: number, queued = 1000): QueueBounds => ({ concurrent, queued })
const ONE = bounds(1)

/** A queue before one server, and the names of those whose turn came, in order. */
const single = (server: QueueBounds, perOwner: QueueBounds = bounds(1000)) => {
  const queue = new FairQueue(perOwner)
  const turns: Array<string> = []
  const enter = (name: string, owner: string | undefined = name): Place => {
    const place = queue.enter("server", server, owner)
    if (!(place instanceof Place)) throw new Error(place)
    if (place.isWaiting) place.onTurn = () => turns.push(name)
    return place
  }
  return { queue, turns, enter }
}

describe("a call", () => {
  it("that no bound keeps has its place at once", () => {
    const { enter } = single(bounds(2))
    assert.deepStrictEqual([enter("a").state, enter("b").state, enter("c").state], ["running", "running", "waiting"])
  })

  it("that waits has its turn when another ends, whoever's that was", () => {
    const { enter, turns } = single(ONE)
    const first = enter("a")
    const second = enter("b")
    first.leave()
    assert.deepStrictEqual([second.state, turns], ["running", ["b"]])
  })

  it("that is given up while it waits costs nobody a turn", () => {
    const { enter, queue, turns } = single(ONE)
    const first = enter("a")
    enter("b").leave()
    enter("c")
    assert.strictEqual(queue.waiting, 1)
    first.leave()
    assert.deepStrictEqual(turns, ["c"])
  })

  it("leaves once, however often it is told to", () => {
    const { enter, queue } = single(ONE)
    const first = enter("a")
    enter("b")
    enter("c")
    first.leave()
    first.leave()
    assert.deepStrictEqual([queue.runningAt("server"), queue.waiting], [1, 1])
  })

  it("is refused where too many wait already, and the bound is named: its owner's before the server's", () => {
    const queue = new FairQueue(bounds(1, 2))
    const enter = (owner: string | undefined) => queue.enter("server", bounds(1, 3), owner)
    enter("a")
    enter("a")
    enter("a")
    assert.strictEqual(enter("a"), "owner")
    enter(undefined)
    assert.strictEqual(enter(undefined), "server")
    assert.strictEqual(enter("b"), "server")
    assert.strictEqual(queue.knownOwners, 2, "of somebody who was refused nothing is kept")
  })

  it("that is nobody's counts for its server alone", () => {
    const { enter } = single(bounds(3), ONE)
    assert.deepStrictEqual([enter("x", undefined).state, enter("y", undefined).state], ["running", "running"])
  })

  it("that only waits for its owner's bound has its turn when a call of theirs ends at another server", () => {
    const queue = new FairQueue(ONE)
    const here = queue.enter("here", bounds(9), "a") as Place
    const there = queue.enter("there", bounds(9), "a") as Place
    assert.deepStrictEqual([there.state, there.waitsFor], ["waiting", "owner"])
    here.leave()
    assert.strictEqual(there.state, "running")
  })

  it("does not count while it waits for its caller, and goes on at once when the answer is there", () => {
    const { enter, queue } = single(ONE)
    const first = enter("a")
    const second = enter("b")
    first.stepAside()
    assert.strictEqual(second.state, "running")
    first.stepBack()
    assert.strictEqual(queue.runningAt("server"), 2)
    const third = enter("c")
    second.leave()
    assert.strictEqual(third.state, "waiting", "nobody new begins above the bound")
    first.leave()
    assert.strictEqual(third.state, "running")
  })

  it("goes on counting where as many as may run wait for their callers already", () => {
    const { enter, queue } = single(bounds(2))
    const places = ["a", "b", "c", "d", "e"].map((name) => enter(name))
    for (const place of places) place.stepAside()
    assert.deepStrictEqual(
      places.map(({ state }) => state),
      ["aside", "aside", "running", "running", "waiting"]
    )
    for (const place of places) place.stepBack()
    assert.strictEqual(queue.runningAt("server"), 4, "never more than twice the bound")
  })

  it("is admitted at once when its server's bound is raised", () => {
    const queue = new FairQueue(bounds(9))
    queue.enter("server", ONE, "a")
    const second = queue.enter("server", ONE, "b") as Place
    queue.enter("server", bounds(3), "c")
    assert.strictEqual(second.state, "running")
  })
})

describe("a flood", () => {
  it("of one owner delays another's call by no more than one of theirs", () => {
    const { enter, turns } = single(ONE)
    const places = Array.from({ length: 500 }, () => enter("flood"))
    enter("other")
    places[0]?.leave()
    places[1]?.leave()
    assert.deepStrictEqual(turns, ["flood", "other"])
  })

  it("of one owner leaves room at the server, where the owner's bound is below the server's", () => {
    const { enter } = single(bounds(4), bounds(3))
    const flood = Array.from({ length: 10 }, () => enter("flood"))
    assert.strictEqual(flood.filter(({ state }) => state === "running").length, 3)
    assert.strictEqual(enter("other").state, "running")
  })

  it("of several is served in turns, each in the order of coming", () => {
    const { enter, turns } = single(ONE)
    let running = enter("first")
    const waiting = ["a1", "a2", "a3", "b1", "c1", "c2"].map((name) => [name, enter(name, name[0])] as const)
    for (const _ of waiting) {
      running.leave()
      running = waiting.find(([, { state }]) => state === "running")?.[1] ?? running
    }
    assert.deepStrictEqual(turns, ["a1", "b1", "c1", "a2", "c2", "a3"])
  })
})

/** What happens to a queue: somebody comes, or something becomes of one of those that are there. */
const event = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constant("enter" as const), server: fc.nat(2), owner: fc.nat(4) }) },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constantFrom("leave", "aside", "back"), which: fc.nat() })
  }
)

type Event = typeof event extends fc.Arbitrary<infer A> ? A : never

/** Long enough for queues to build up, which short ones seldom do. */
const schedule = fc.array(event, { maxLength: 60, size: "max" })

const SERVERS = ["x", "y", "z"].map((name, index) => ({ name, bounds: bounds(index + 1, 6) }))
const PER_OWNER = bounds(2, 5)
const OWNERS = ["a", "b", "c", "d", undefined]

interface Known {
  readonly place: Place
  readonly server: number
  readonly owner: string | undefined
  readonly came: number
  /** How often each other owner has had a turn before this one since it could have had it. */
  readonly overtaken: Map<string | undefined, number>
}

/** The queue, and a second account of it, kept by looking at places only. */
const simulate = (events: ReadonlyArray<Event>) => {
  const queue = new FairQueue(PER_OWNER)
  const known: Array<Known> = []
  let came = 0
  const alive = () => known.filter(({ place }) => place.state !== "gone")
  const inState = (state: Place["state"]) => known.filter(({ place }) => place.state === state)
  const runningAt = (server: number) => inState("running").filter((one) => one.server === server).length
  const runningOf = (owner: string | undefined) => inState("running").filter((one) => one.owner === owner).length
  const countOf = (states: ReadonlyArray<Place["state"]>, of: (one: Known) => boolean) =>
    known.filter((one) => states.includes(one.place.state) && of(one)).length

  /** Running or aside: never more than twice what may run, and new ones only within the bound. */
  const checkBounds = (concurrent: number, of: (one: Known) => boolean): void => {
    assert.isAtMost(countOf(["aside"], of), concurrent)
    assert.isAtMost(countOf(["running", "aside"], of), 2 * concurrent)
    if (!known.some((one) => of(one) && returned.has(one.place))) {
      assert.isAtMost(countOf(["running"], of), concurrent)
    }
  }
  const returned = new Set<Place>()

  const isFirst = (one: Known): boolean =>
    !inState("waiting").some(
      (other) => other.server === one.server && other.owner === one.owner && other.came < one.came
    )

  const onTurn = (one: Known): void => {
    assert.isFalse(
      inState("waiting").some(
        (other) => other.server === one.server && other.owner === one.owner && other.came < one.came
      ),
      "an owner's calls at a server have their turns in the order of coming"
    )
    for (const other of inState("waiting")) {
      if (other.server !== one.server || other.owner === one.owner || !isFirst(other)) continue
      const mayRun = other.owner === undefined || runningOf(other.owner) < PER_OWNER.concurrent
      if (!mayRun) continue
      const times = (other.overtaken.get(one.owner) ?? 0) + 1
      other.overtaken.set(one.owner, times)
      assert.isAtMost(times, 1, "nobody has two turns while another could have had one")
    }
  }

  const check = (): void => {
    for (const [index, server] of SERVERS.entries()) {
      assert.strictEqual(queue.runningAt(server.name), runningAt(index))
      checkBounds(server.bounds.concurrent, (one) => one.server === index)
      assert.isAtMost(inState("waiting").filter((one) => one.server === index).length, server.bounds.queued)
    }
    for (const owner of OWNERS) {
      if (owner === undefined) continue
      checkBounds(PER_OWNER.concurrent, (one) => one.owner === owner)
      assert.isAtMost(inState("waiting").filter((one) => one.owner === owner).length, PER_OWNER.queued)
    }
    for (const one of inState("waiting")) {
      const server = SERVERS[one.server]
      const isKept =
        runningAt(one.server) >= (server?.bounds.concurrent ?? 0) ||
        (one.owner !== undefined && runningOf(one.owner) >= PER_OWNER.concurrent)
      assert.isTrue(isKept, "nobody waits for nothing")
    }
    assert.strictEqual(queue.waiting, inState("waiting").length)
    assert.strictEqual(queue.knownOwners, new Set(alive().map(({ owner }) => owner)).size)
  }

  for (const happening of events) {
    if (happening.what === "enter") {
      const server = SERVERS[happening.server]
      if (server === undefined) continue
      const owner = OWNERS[happening.owner]
      const place = queue.enter(server.name, server.bounds, owner)
      if (place instanceof Place) {
        const one: Known = { place, server: happening.server, owner, came: came++, overtaken: new Map() }
        known.push(one)
        if (place.isWaiting) place.onTurn = () => onTurn(one)
      }
    } else {
      const some = alive()
      const one = some[happening.which % Math.max(1, some.length)]
      if (happening.what === "leave") one?.place.leave()
      else if (happening.what === "aside") one?.place.stepAside()
      else if (one?.place.state === "aside") {
        one.place.stepBack()
        returned.add(one.place)
      }
    }
    check()
  }
  return { queue, alive, inState, check }
}

describe("whatever happens in whatever order", () => {
  it("bounds hold, nobody waits for nothing, and turns are fair", () => {
    fc.assert(
      fc.property(schedule, (events) => void simulate(events)),
      { numRuns: 100 }
    )
  })

  it("everybody has their turn once the others have left, and then nothing is kept", () => {
    fc.assert(
      fc.property(schedule, (events) => {
        const { alive, check, inState, queue } = simulate(events)
        for (let waiting = inState("waiting"); waiting.length > 0; waiting = inState("waiting")) {
          const other = alive().find(({ place }) => !place.isWaiting)
          assert.isDefined(other, "somebody waits, and nobody is there to end")
          other.place.leave()
          check()
        }
        for (const { place } of alive()) place.leave()
        assert.deepStrictEqual([queue.waiting, queue.knownOwners], [0, 0])
        assert.deepStrictEqual(
          SERVERS.map(({ name }) => queue.runningAt(name)),
          [0, 0, 0]
        )
      }),
      { numRuns: 100 }
    )
  })
})
