/** Faults of a proxy, each put before one of its real parts, as somebody might make them by a mistake there. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Fleet } from "../../src/fleet/Fleet.ts"
import type { Exchange } from "../../src/gateway/Exchange.ts"
import { Proxy } from "../../src/gateway/Proxy.ts"
import { SessionExchange } from "../../src/gateway/SessionExchange.ts"
import type { Inner } from "./Instance.ts"

/** What stands before the parts of a proxy. */
export interface Mutant {
  readonly name: string
  readonly fleet?: (inner: Fleet["Service"]) => Fleet["Service"]
  readonly gateway?: (inner: Context.Context<Inner>) => Context.Context<Inner>
}

/** Has every exchange changed before the proxy takes it on. */
const exchanges =
  (change: (exchange: Exchange) => void) =>
  (inner: Context.Context<Inner>): Context.Context<Inner> => {
    const proxy = Context.getUnsafe(inner, Proxy)
    return Context.add(inner, Proxy, {
      ...proxy,
      accept: (exchange) => {
        change(exchange)
        proxy.accept(exchange)
      }
    })
  }

/** A call that its client cancels is answered at once, and once more when it has ended. */
const doubleAnswer: Mutant = {
  name: "double answer",
  gateway: exchanges((exchange) => {
    if (!(exchange instanceof SessionExchange)) return
    let isCancelled = false
    const begun = exchange.begun.bind(exchange)
    const ended = exchange.ended.bind(exchange)
    Object.assign(exchange, {
      begun: (cancel: () => void) =>
        begun(() => {
          isCancelled = true
          cancel()
        }),
      ended: (conclusion: Parameters<Exchange["ended"]>[0]) => {
        if (isCancelled) exchange.channel.emit(Buffer.concat(conclusion.under(exchange.request.id)))
        return ended(conclusion)
      }
    } satisfies Partial<Exchange>)
  })
}

/** What holds a connection for a call ends before the call does. */
const earlyEnd: Mutant = {
  name: "early end of a use",
  fleet: (fleet) => ({
    ...fleet,
    begin: (server) => {
      const use = fleet.begin(server)
      if (use === undefined) return undefined
      return {
        connection: (caller) => Effect.tap(use.connection(caller), () => Effect.sync(use.end)),
        end: () => {}
      }
    }
  })
}

/** That a client wants a call no more is heard by nobody. */
const lostCancel: Mutant = {
  name: "lost cancel",
  gateway: exchanges((exchange) => {
    const begun = exchange.begun.bind(exchange)
    Object.assign(exchange, { begun: () => begun(() => {}) } satisfies Partial<Exchange>)
  })
}

export const MUTANTS: ReadonlyArray<Mutant> = [doubleAnswer, earlyEnd, lostCancel]
