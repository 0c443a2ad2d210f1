/** What passes between any client and any server, each with what must be seen at both ends. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Estate, WATCHED } from "../../fixtures/polyglot/estate.ts"
import { fieldsOf, type Fields, isModern, type Message, type Revision } from "../../fixtures/polyglot/message.ts"
import { eventually } from "../harness.ts"
import { answerTo, type Outcome, type RequestOptions, type WireClient } from "./wireClient.ts"

/** A server as its journal shows it. */
export interface Server {
  readonly revision: Revision
  readonly journal: () => ReadonlyArray<string>
}

/** A client before a server, and what the client calls the server's own. */
export interface Pair {
  readonly client: WireClient
  readonly server: Server
  readonly name: (own: string) => string
  readonly uri: (own: string) => string
}

type Check = (pair: Pair, tag: string) => Effect.Effect<void>

/** Each list, the member that holds it, and the key that is another one through the proxy. */
const LISTS = [
  ["tools/list", "tools", "name"],
  ["prompts/list", "prompts", "name"],
  ["resources/list", "resources", "uri"],
  ["resources/templates/list", "resourceTemplates", "uriTemplate"]
] as const

const call = ({ client, name }: Pair, tool: string, args: Fields, options?: RequestOptions): Effect.Effect<Outcome> =>
  client.request("tools/call", { name: name(tool), arguments: args }, options)

/** What stands in a list of a result. */
const membersOf = (result: Fields | undefined, member: string): ReadonlyArray<Fields> =>
  (result?.[member] ?? []) as ReadonlyArray<Fields>

/** All pages of a list. */
const listAll = ({ client }: Pair, method: string, member: string): Effect.Effect<ReadonlyArray<Fields>> =>
  Effect.gen(function* () {
    const items: Array<Fields> = []
    let cursor: unknown
    do {
      const { error, result } = yield* client.request(method, cursor === undefined ? {} : { cursor })
      assert.isUndefined(error)
      items.push(...membersOf(result, member))
      cursor = result?.["nextCursor"]
    } while (cursor !== undefined)
    return items
  })

const toolNames = (pair: Pair): Effect.Effect<ReadonlyArray<unknown>> =>
  Effect.map(listAll(pair, "tools/list", "tools"), (tools) => tools.map(({ name }) => name))

/** A result's first text; of an error, what is said of it. */
export const wordsOf = ({ error, result }: Outcome): string => {
  const [block] = (result?.["content"] ?? []) as ReadonlyArray<{ readonly text: string }>
  return block?.text ?? error?.message ?? ""
}

/** What a tool has said in JSON. */
const said = (outcome: Outcome): unknown => {
  assert.isUndefined(outcome.error)
  assert.notProperty(outcome.result, "isError")
  return JSON.parse(wordsOf(outcome))
}

/** How often the journal has a line that begins so. */
const times = ({ server }: Pair, line: string): number => server.journal().filter((entry) => entry === line).length

const assertOnce = (pair: Pair, tool: string, tag: string): void => {
  assert.strictEqual(times(pair, `start ${tool} ${tag}`), 1, "begun once")
  assert.strictEqual(times(pair, `done ${tool} ${tag}`), 1, "done once")
}

const notifications = (messages: ReadonlyArray<Message>, method: string): ReadonlyArray<Fields> =>
  messages.filter((message) => message.method === method).map(({ params }) => fieldsOf(params))

/** A tool that puts one question under a key: what was asked, once its answer has come back from the tool. */
const oneQuestion = (pair: Pair, tool: string, key: string, tag: string) =>
  Effect.gen(function* () {
    const outcome = yield* call(pair, tool, { tag })
    const [question, ...others] = outcome.asked
    assert.isDefined(question, wordsOf(outcome))
    assert.deepStrictEqual(others, [])
    assert.deepStrictEqual(said(outcome), { [key]: answerTo(question!) })
    assertOnce(pair, tool, tag)
    return question!
  })

/** A tool that would ask what this pair cannot: it says so, and nobody is asked. */
const cannotAsk = (pair: Pair, tool: string, reason: RegExp, tag: string) =>
  Effect.gen(function* () {
    const outcome = yield* call(pair, tool, { tag })
    assert.deepStrictEqual(outcome.asked, [])
    assert.match(wordsOf(outcome), reason)
    assert.strictEqual(times(pair, `start ${tool} ${tag}`), 1, "begun once")
  })

/** Has this pair the capability, which both know `since` a revision? Else, the words of the honest answer. */
const elicits = ({ client, server }: Pair, since: string, words: RegExp): RegExp | undefined =>
  client.revision >= since && server.revision >= since ? undefined : words

export const CELLS: Readonly<Record<string, Check>> = {
  list: (pair) =>
    Effect.gen(function* () {
      const own = new Estate(pair.server.revision, undefined)
      for (const [method, member, key] of LISTS) {
        const expected = structuredClone(membersOf(own.lookUp(method, {}), member)) as Array<Record<string, unknown>>
        const rename = key === "name" ? pair.name : pair.uri
        for (const item of expected) item[key] = rename(String(item[key]))
        const known = new Set(expected.map((item) => item[key]))
        const items = yield* listAll(pair, method, member)
        assert.deepStrictEqual(
          items.filter((item) => known.has(item[key])),
          expected,
          method
        )
      }
    }),

  call: (pair, tag) =>
    Effect.gen(function* () {
      const args = { tag, region: "Åland ", nested: { list: [1, null, "\u2028"] } }
      const outcome = yield* call(pair, "echo", args)
      assert.deepStrictEqual(said(outcome), args)
      if (pair.server.revision >= "2025-06-18") {
        assert.deepStrictEqual(outcome.result?.["structuredContent"], { said: args })
      }
      assert.deepStrictEqual(outcome.said, [])
      assertOnce(pair, "echo", tag)
    }),

  prompt: (pair, tag) =>
    Effect.gen(function* () {
      const params = { name: pair.name("greet"), arguments: { who: tag } }
      const { result } = yield* pair.client.request("prompts/get", params)
      const text = `Greet ${tag} from ${pair.server.revision}`
      assert.deepStrictEqual(result?.["messages"], [{ role: "user", content: { type: "text", text } }])
    }),

  read: (pair) =>
    Effect.gen(function* () {
      const uri = pair.uri("poly://page/7")
      const { result } = yield* pair.client.request("resources/read", { uri })
      const text = `page 7 of ${pair.server.revision}`
      assert.deepStrictEqual(result?.["contents"], [{ uri, mimeType: "text/plain", text }])
    }),

  complete: (pair) =>
    Effect.gen(function* () {
      const ref = { type: "ref/prompt", name: pair.name("greet") }
      const params = { ref, argument: { name: "who", value: "A" } }
      const { result } = yield* pair.client.request("completion/complete", params)
      assert.deepStrictEqual(result?.["completion"], { values: ["Ada"], hasMore: false })
    }),

  progress: (pair, tag) =>
    Effect.gen(function* () {
      for (const progressToken of [`token of ${tag}`, 7]) {
        const outcome = yield* call(pair, "progress", { tag: `${tag}-${progressToken}` }, { progressToken })
        assert.strictEqual(said(outcome), "made progress")
        const step = (progress: number): Fields => ({
          progressToken,
          progress,
          total: 3,
          ...(pair.server.revision >= "2025-03-26" ? { message: `step ${progress}` } : {})
        })
        assert.deepStrictEqual(notifications(outcome.said, "notifications/progress"), [step(1), step(2), step(3)])
      }
      const untold = yield* call(pair, "progress", { tag })
      assert.deepStrictEqual(untold.said, [], "who gave no token is told of no progress")
    }),

  log: (pair, tag) =>
    Effect.gen(function* () {
      const outcome = yield* call(pair, "log", { tag }, { log: "info" })
      assert.strictEqual(said(outcome), "logged")
      const [message, ...others] = notifications(outcome.said, "notifications/message")
      assert.deepStrictEqual([message?.["level"], message?.["data"], others], ["info", { word: tag }, []])
      const severe = yield* call(pair, "log", { tag: `${tag}-severe` }, { log: "error" })
      assert.deepStrictEqual(severe.said, [], "below the level that was asked for")
      if (!isModern(pair.client.revision)) return
      const unasked = yield* call(pair, "log", { tag: `${tag}-unasked` })
      assert.deepStrictEqual(unasked.said, [], "nothing for who asks for nothing")
    }),

  cancel: (pair, tag) =>
    Effect.gen(function* () {
      const slow = yield* Effect.forkChild(call(pair, "slow", { tag }))
      yield* eventually("the call has begun", () => times(pair, `start slow ${tag}`) === 1)
      yield* Fiber.interrupt(slow)
      yield* eventually("the server has cancelled it", () => times(pair, `cancelled slow ${tag}`) === 1)
      assert.strictEqual(times(pair, `start slow ${tag}`), 1, "begun once")
    }),

  "elicit form": (pair, tag) =>
    Effect.gen(function* () {
      const words = elicits(pair, "2025-06-18", /elicitation/u)
      if (words !== undefined) return yield* cannotAsk(pair, "ask_form", words, tag)
      const { method, params } = yield* oneQuestion(pair, "ask_form", "form", tag)
      assert.deepStrictEqual([method, params["message"]], ["elicitation/create", "Who are you?"])
      assert.deepStrictEqual(params["requestedSchema"], {
        type: "object",
        properties: { name: { type: "string" } },
        required: ["name"]
      })
    }),

  "elicit url": (pair, tag) =>
    Effect.gen(function* () {
      const words = elicits(pair, "2025-11-25", /elicitation/u)
      if (words !== undefined) return yield* cannotAsk(pair, "ask_url", words, tag)
      const { params } = yield* oneQuestion(pair, "ask_url", "url", tag)
      assert.deepStrictEqual(
        [params["mode"], params["message"], params["url"]],
        ["url", "Please sign in there", `https://polyglot.example/sign-in?tag=${tag}`]
      )
      if (!isModern(pair.client.revision)) assert.isString(params["elicitationId"])
    }),

  sample: (pair, tag) =>
    Effect.gen(function* () {
      const { method, params } = yield* oneQuestion(pair, "ask_sample", "sample", tag)
      assert.deepStrictEqual([method, params["maxTokens"]], ["sampling/createMessage", 10])
    }),

  roots: (pair, tag) =>
    Effect.gen(function* () {
      const { method } = yield* oneQuestion(pair, "ask_roots", "roots", tag)
      assert.strictEqual(method, "roots/list")
    }),

  "ask in a prompt": (pair, tag) =>
    Effect.gen(function* () {
      const params = { name: pair.name("interview"), arguments: { tag } }
      const { asked, error, result } = yield* pair.client.request("prompts/get", params)
      assert.isUndefined(error)
      assert.strictEqual(asked.length, 1)
      const [message] = membersOf(result, "messages")
      const text = String(fieldsOf(message?.["content"])["text"])
      assert.deepStrictEqual(JSON.parse(text), { sample: answerTo(asked[0]!) })
      assertOnce(pair, "interview", tag)
    }),

  "multi-round": (pair, tag) =>
    Effect.gen(function* () {
      const outcome = yield* call(pair, "ask_rounds", { tag })
      const rounds = [1, 2, 3].map((round) => `round ${round}`)
      const texts = outcome.asked.map(({ params }) => JSON.stringify(params["messages"]))
      assert.isTrue(
        texts.length === 3 && rounds.every((round, index) => texts[index]?.includes(`${round} of ${tag}`)),
        `${texts.join()} ${wordsOf(outcome)}`
      )
      assert.deepStrictEqual(
        said(outcome),
        rounds.map((round, index) => ({ [round]: answerTo(outcome.asked[index]!) }))
      )
      assertOnce(pair, "ask_rounds", tag)
    }),

  "several questions at once": (pair, tag) =>
    Effect.gen(function* () {
      const outcome = yield* call(pair, "ask_many", { tag })
      assert.strictEqual(outcome.asked.length, 3, wordsOf(outcome))
      const answerWith = (words: string): Fields | undefined =>
        outcome.asked.filter((question) => JSON.stringify(question).includes(words)).map(answerTo)[0]
      assert.deepStrictEqual(said(outcome), {
        one: answerWith(`one of ${tag}`),
        two: answerWith(`two of ${tag}`),
        roots: answerWith("roots/list")
      })
      assertOnce(pair, "ask_many", tag)
    }),

  /** -32042 of 2025-11-25: the one error that a modern client is asked about, and makes the request again. */
  "visit a URL first": (pair, tag) =>
    Effect.gen(function* () {
      const first = yield* call(pair, "need_url", { tag })
      if (pair.server.revision !== "2025-11-25") {
        assert.match(wordsOf(first), /has no such error/u)
        return
      }
      const url = `https://polyglot.example/sign-in?tag=${tag}`
      if (isModern(pair.client.revision)) {
        assert.deepStrictEqual(
          first.asked.map(({ params }) => [params["mode"], params["url"]]),
          [["url", url]]
        )
        assert.strictEqual(said(first), "signed in")
      } else {
        assert.strictEqual(first.error?.code, -32042)
        const [elicitation] = fieldsOf(first.error?.data)["elicitations"] as ReadonlyArray<Fields>
        assert.strictEqual(elicitation?.["url"], url)
        assert.strictEqual(said(yield* call(pair, "need_url", { tag })), "signed in")
      }
      assert.strictEqual(times(pair, `start need_url ${tag}`), 2, "made again once")
    }),

  subscribe: (pair, tag) =>
    Effect.gen(function* () {
      const uri = pair.uri(WATCHED)
      const standing = yield* pair.client.listen([uri])
      yield* call(pair, "touch", { tag })
      const updates = () => notifications(standing.heard, "notifications/resources/updated")
      yield* eventually("it is told of the update", () => updates().length > 0)
      assert.deepStrictEqual(
        updates().map((params) => params["uri"]),
        [uri]
      )
      yield* standing.stop
      assertOnce(pair, "touch", tag)
    }),

  list_changed: (pair, tag) =>
    Effect.gen(function* () {
      const grown = pair.name(`grown_${tag}`)
      assert.notInclude(yield* toolNames(pair), grown)
      const standing = yield* pair.client.listen([])
      yield* call(pair, "grow", { tag })
      // Another client's change may be told late; this one's is told after it.
      let names: ReadonlyArray<unknown> = []
      for (let told = 0; !names.includes(grown); names = yield* toolNames(pair)) {
        const changes = () => notifications(standing.heard, "notifications/tools/list_changed").length
        yield* eventually(`it is told that there is ${grown}`, () => changes() > told)
        told = changes()
      }
      const { result } = yield* call(pair, `grown_${tag}`, { tag })
      assert.deepStrictEqual(result?.["content"], [{ type: "text", text: JSON.stringify(`I am grown_${tag}`) }])
      yield* standing.stop
    }),

  error: (pair, tag) =>
    Effect.gen(function* () {
      const failed = yield* call(pair, "fail", { tag })
      assert.strictEqual(failed.result?.["isError"], true)
      assert.strictEqual(wordsOf(failed), `failed as asked: ${tag}`)
      const broken = yield* call(pair, "break", { tag })
      assert.deepStrictEqual(broken.error, { code: 4711, message: `broken as asked: ${tag}`, data: { tag } })
      assert.strictEqual(times(pair, `start break ${tag}`), 1, "begun once")
      const unknown = yield* call(pair, "nonesuch", { tag })
      assert.strictEqual(unknown.error?.code, -32602)
      const missing = yield* pair.client.request("resources/read", { uri: pair.uri("poly://missing") })
      assert.strictEqual(missing.error?.code, isModern(pair.client.revision) ? -32602 : -32002)
    })
}
