/**
 * Calls that wait for a modern client's answers. A legacy server asks in the middle of a call, on a connection of this
 * process; so its call is parked here, and what the client brings back names it. It is resumed once or it expires: it is
 * never made a second time (docs/decisions.md).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import type { Request } from "../domain/ClientMessage.ts"
import { BadParams } from "../domain/Errors.ts"
import type * as Frame from "../domain/Frame.ts"
import * as Seal from "../keys/Seal.ts"
import type { RootKey } from "../keys/RootKey.ts"
import { logger } from "../observability/Logging.ts"
import { expose } from "../observability/Metrics.ts"
import * as Vital from "../observability/Vital.ts"
import * as Setting from "../settings/Setting.ts"
import { Buffers, noRoom } from "../upstream/Bounds.ts"
import { type Answer, unanswerable } from "../upstream/Rpc.ts"
import { aside } from "./Exchange.ts"
import * as GatewayMetrics from "./GatewayMetrics.ts"
import * as InputRequired from "./InputRequired.ts"
import type { ModernExchange } from "./ModernExchange.ts"
import { mayBeAsked } from "./Questions.ts"
import type { ReplyChannel } from "./ReplyChannel.ts"
import type { Requester } from "./Requester.ts"

const log = logger("gateway")

export const settings = {
  time: Setting.duration({
    name: "MCP_PARK_TIME",
    description: "How long a call whose server asked something waits for the client to come back with the answers.",
    fallback: "10 minutes"
  }),
  most: Setting.integer({
    name: "MCP_MAX_PARKED",
    description: "How many such calls may wait at the same time.",
    fallback: 1000,
    minimum: 1,
    maximum: 100_000
  }),
  mostOfOne: Setting.integer({
    name: "MCP_MAX_PARKED_PER_USER",
    description: "How many of them may be one person's.",
    fallback: 32,
    minimum: 1,
    maximum: 100_000
  })
}

export const DEFAULTS = { time: Duration.minutes(10), most: 1000, mostOfOne: 32 }

/** The bounds of parking. */
export const Bounds = Context.Reference<{
  readonly time: Duration.Duration
  readonly most: number
  readonly mostOfOne: number
}>("mcp-proxy/gateway/Parking/Bounds", { defaultValue: () => DEFAULTS })

/** What `requestState` seals. */
const State = Schema.Struct({
  /** The process in which the call is parked. */
  process: Schema.String,
  /** The call; none where nothing is parked, and the same request is simply to be made again. */
  call: Schema.optionalKey(Schema.String),
  /** How often it has asked: each state is good for one round. */
  round: Schema.Finite,
  subject: Schema.String,
  /** Of the method, what it is for, and its arguments. */
  digest: Schema.String,
  /** Epoch milliseconds. */
  expires: Schema.Finite
})

/** What a request that brings answers comes to. */
export type Resumed =
  /** It is none of ours: the server's own, or there is none. */
  | { readonly _tag: "Fresh" }
  /** The call goes on, and answers to the channel that was given. */
  | { readonly _tag: "Resumed"; readonly exchange: ModernExchange }
  /** Nothing is parked: the request is to be made as if it came for the first time. */
  | { readonly _tag: "Again" }

interface Parked {
  readonly id: string
  readonly exchange: ModernExchange
  round: number
  expires: number
}

/** Questions that come this close to each other are put together. */
const GATHER = Duration.millis(20)

export class Parking extends Context.Service<
  Parking,
  {
    /** Puts a server's question to the client of a call, and waits for the answer. */
    readonly ask: (exchange: ModernExchange, question: Frame.Frame) => Effect.Effect<Answer>
    /** Takes a request that may bring answers. Fails where they belong to nothing that could still be resumed. */
    readonly resume: (
      requester: Requester,
      request: Request,
      channel: ReplyChannel
    ) => Effect.Effect<Resumed, BadParams>
    /** A state for a request that is to be made again once the client has done what it is asked. */
    readonly again: (requester: Requester, request: Request) => Effect.Effect<string>
    /** The call has ended, and its client knows. */
    readonly forget: (exchange: ModernExchange) => void
    /** Ends all that is parked: nobody will come back to this process. */
    readonly clear: Effect.Effect<void>
    /** How many calls are parked. */
    readonly count: () => number
  }
>()("mcp-proxy/gateway/Parking") {}

const refuse = (reason: string) => Effect.fail(new BadParams({ reason: `requestState: ${reason}` }))

const make = Effect.gen(function* () {
  const bounds = yield* Bounds
  const buffers = yield* Buffers
  const seal = yield* Seal.make("request state", State)
  const fork = yield* FiberSet.makeRuntime()
  const process = randomUUID()
  const parked = new Map<string, Parked>()
  const byExchange = new WeakMap<ModernExchange, Parked>()
  yield* expose(GatewayMetrics.families.parked, () => parked.size)
  yield* Effect.addFinalizer(() => Effect.sync(() => parked.forEach(({ exchange }) => exchange.forgotten())))

  const stateFor = Effect.fnUntraced(function* (
    requester: Requester,
    request: Request,
    at: { readonly call?: string; readonly round: number }
  ) {
    const expires = (yield* Clock.currentTimeMillis) + Duration.toMillis(bounds.time)
    const subject = requester.caller.principal.subject
    const text = yield* seal.seal({
      process,
      subject,
      digest: InputRequired.digest(requester, request),
      expires,
      ...at
    })
    return { text, expires }
  })

  const countOf = ({ owner }: Requester): number => {
    let count = 0
    if (owner !== undefined) for (const { exchange } of parked.values()) if (exchange.requester.owner === owner) count++
    return count
  }

  /** The bound that keeps one more call from being parked. */
  const full = (requester: Requester): string | undefined => {
    if (parked.size >= bounds.most) return `${bounds.most} calls wait for answers already (MCP_MAX_PARKED)`
    return countOf(requester) >= bounds.mostOfOne
      ? `${bounds.mostOfOne} of this person's calls wait for answers already (MCP_MAX_PARKED_PER_USER)`
      : undefined
  }

  const placeOf = (exchange: ModernExchange): Parked => {
    const known = byExchange.get(exchange)
    if (known !== undefined) return known
    const made: Parked = { id: randomUUID(), exchange, round: 0, expires: Infinity }
    byExchange.set(exchange, made)
    parked.set(made.id, made)
    return made
  }

  /** Hands the questions that are open to the request that waits, if there are any and one does. */
  const flush = Effect.fnUntraced(function* (exchange: ModernExchange) {
    if (exchange.questions.size === 0 || exchange.waiting === undefined) return
    const place = placeOf(exchange)
    const round = place.round + 1
    const { expires, text } = yield* stateFor(exchange.requester, exchange.request, { call: place.id, round })
    // Sealing takes its time: the call may have ended meanwhile, or another flush may have been faster.
    if (exchange.questions.size === 0 || exchange.waiting === undefined || place.round >= round) return
    place.round = round
    place.expires = expires
    exchange.release((id) => InputRequired.result(id, exchange.questions, text))
  })

  const forget = (exchange: ModernExchange): void => {
    const place = byExchange.get(exchange)
    if (place !== undefined) parked.delete(place.id)
    exchange.forgotten()
  }

  /** Nobody will answer any more: the server is told so, and to stop. */
  const give = (place: Parked): void => {
    forget(place.exchange)
    const questions = [...place.exchange.questions.values()]
    place.exchange.cancel()
    for (const { answer, frame } of questions) {
      Deferred.doneUnsafe(answer, Effect.succeed(InputRequired.cancelled(frame.method)))
    }
  }

  const sweep = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.forEach(
      [...parked.values()].filter(({ exchange, expires }) => exchange.waiting === undefined && now > expires),
      (place) => {
        give(place)
        const { request, server } = place.exchange
        return log.info(`Nobody answered what ${server} asked; ${request.method} was cancelled`, { server })
      },
      { discard: true }
    )
  )
  yield* Vital.fork("The sweep over parked calls", Effect.repeat(sweep, Schedule.spaced("1 second")))

  return Parking.of({
    ask: Effect.fnUntraced(function* (exchange, question) {
      if (!mayBeAsked(exchange.requester.caller.capabilities, question)) {
        return unanswerable(`The client did not declare what ${question.method} needs`)
      }
      if (exchange.isOver) return unanswerable("The call is over")
      const bound = byExchange.has(exchange) ? undefined : full(exchange.requester)
      if (bound !== undefined) {
        yield* log.warning(`${exchange.server} asked something, but ${bound}`)
        return unanswerable(`Nobody can be asked: ${bound}`)
      }
      const { length } = question.bytes
      if (!buffers.take(length)) return unanswerable(`Nobody can be asked: ${noRoom(buffers)}`)
      // The place is taken at once: others may ask before this question is put.
      placeOf(exchange)
      const key = exchange.nextQuestion()
      const answer = Deferred.makeUnsafe<Answer>()
      exchange.questions.set(key, { frame: question, answer })
      if (exchange.questions.size === 1) fork(Effect.delay(flush(exchange), GATHER))
      return yield* Effect.ensuring(
        aside(exchange, Deferred.await(answer)),
        Effect.sync(() => {
          exchange.questions.delete(key)
          buffers.give(length)
        })
      )
    }),
    resume: Effect.fnUntraced(function* (requester, request, channel) {
      const text = request.params?.get("requestState")
      if (typeof text !== "string") return { _tag: "Fresh" }
      const opened = yield* seal.open(text)
      if (Option.isNone(opened)) return { _tag: "Fresh" }
      const state = opened.value
      const now = yield* Clock.currentTimeMillis
      if (
        state.subject !== requester.caller.principal.subject ||
        state.digest !== InputRequired.digest(requester, request)
      ) {
        return yield* refuse(
          "it belongs to another request; retry with the method and parameters that it was given for"
        )
      }
      if (state.call === undefined) {
        if (now > state.expires) return yield* refuse("it has expired")
        const declined = InputRequired.declined(request)
        return declined ? yield* new BadParams({ reason: "The URLs were not visited" }) : { _tag: "Again" }
      }
      const place = parked.get(state.call)
      if (state.process !== process) {
        return yield* refuse(
          "it has expired: the proxy was restarted, and the call with it ended. It was not made again"
        )
      }
      if (place === undefined) return yield* refuse("it has expired; the call was cancelled. It was not made again")
      if (state.round !== place.round || place.exchange.waiting !== undefined) {
        return yield* refuse("it has been used already")
      }
      const { exchange } = place
      exchange.attach({ id: request.id, channel })
      const given = InputRequired.answers(request)
      for (const [key, { answer }] of exchange.questions) {
        const body = given.get(key)
        if (body === undefined) continue
        exchange.questions.delete(key)
        Deferred.doneUnsafe(answer, Effect.succeed({ outcome: "result", body }))
      }
      // What was not answered is asked again.
      yield* flush(exchange)
      return { _tag: "Resumed", exchange }
    }),
    again: (requester, request) => Effect.map(stateFor(requester, request, { round: 0 }), ({ text }) => text),
    forget,
    clear: Effect.sync(() => parked.forEach(give)),
    count: () => parked.size
  })
})

export const layer: Layer.Layer<Parking, never, RootKey> = Layer.effect(Parking, make)
