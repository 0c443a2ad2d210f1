/** What clients of both eras have in common: their connections to the proxy, and what they hear on them. */
import type { Principal } from "../../src/domain/Principal.ts"
import type { Asked, Hearer } from "./Instance.ts"
import type { Call, Ledger } from "./Ledger.ts"
import type { ClientSetup, Plan, Reply } from "./Step.ts"

/** What a client can do in its world. */
export interface Surroundings {
  readonly ledger: Ledger
  readonly principal: Principal
  /** Sends a request; gives how to close its connection. `refused` is called where nobody takes it. */
  readonly connect: (client: string, asked: Asked, hearer: Hearer & { readonly refused: () => void }) => () => void
  readonly after: (millis: number, act: () => void) => void
  readonly now: () => number
  /** Something is not as it must be. */
  readonly violate: (invariant: string, text: string) => void
  /** What a tool is called here at present. */
  readonly nameOf: (server: string, tool: string) => string
  /** The tools that a client was told there are. */
  readonly listed: (client: ClientSetup, names: ReadonlyArray<string>) => void
}

export interface Frame {
  readonly id?: number | string | null
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly code: number; readonly message: string }
}

/** What a client can be made to do. */
export interface Client {
  readonly setup: ClientSetup
  readonly begin: () => void
  readonly end: () => void
  readonly listen: () => void
  readonly unlisten: () => void
  readonly call: (call: Call) => void
  readonly cancel: (nth: number) => void
  readonly drop: (nth: number) => void
  readonly resume: (nth: number) => void
  readonly reply: (nth: number, how: Reply) => void
  readonly list: () => void
  /** Can it make calls? */
  readonly isReady: () => boolean
  /** It goes away without a word. */
  readonly vanish: () => void
}

/** One answer of the proxy, read as it comes: JSON, or events. */
export class Reading {
  status = 0
  headers: Readonly<Record<string, string>> = {}
  lastEventId: string | undefined
  retryMillis: number | undefined
  private text = ""
  private readonly heard: (frame: Frame) => void

  constructor(heard: (frame: Frame) => void) {
    this.heard = heard
  }

  get isStream(): boolean {
    return this.headers["content-type"]?.startsWith("text/event-stream") === true
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.status = status
    this.headers = headers
  }

  data(text: string): void {
    this.text += text
    if (!this.isStream) return
    const events = this.text.split("\n\n")
    this.text = events.pop() ?? ""
    for (const event of events) this.event(event)
  }

  private event(event: string): void {
    let data = ""
    for (const line of event.split("\n")) {
      if (line.startsWith("id: ")) this.lastEventId = line.slice(4)
      else if (line.startsWith("retry: ")) this.retryMillis = Number(line.slice(7))
      else if (line.startsWith("data: ")) data += line.slice(6)
    }
    if (data.trim() !== "") this.heard(JSON.parse(data) as Frame)
  }

  /** The whole of it is here. */
  end(): void {
    if (!this.isStream && this.text !== "") this.heard(JSON.parse(this.text) as Frame)
    this.text = ""
  }
}

/** One of several, counted around; undefined of none. */
export const pick = <A>(from: ReadonlyArray<A>, nth: number): A | undefined => from[nth % Math.max(1, from.length)]

/** The parameters of a call as they are sent. */
export const callParams = (name: string, { plan, tag }: { readonly plan: Plan; readonly tag: string }) => ({
  name,
  arguments: { tag, plan },
  ...(plan._tag === "Progress" ? { _meta: { progressToken: `progress of ${tag}` } } : {})
})

/** Whose call a question is about. */
export const tagOf = (params: Readonly<Record<string, unknown>> | undefined): string =>
  (JSON.parse(String(params?.["message"])) as { readonly tag: string }).tag

/** What a call came to, as a response says it. */
export const outcomeOf = ({ error, result }: Frame) => {
  if (error !== undefined) return { _tag: "Error", code: error.code, message: error.message } as const
  const content = result?.["content"] as ReadonlyArray<{ readonly text?: string }> | undefined
  return { _tag: "Result", text: content?.[0]?.text ?? "" } as const
}

/** The names in the answer to a list. */
export const namesIn = ({ result }: Frame): ReadonlyArray<string> | undefined =>
  (result?.["tools"] as ReadonlyArray<{ readonly name: string }> | undefined)?.map(({ name }) => name)
