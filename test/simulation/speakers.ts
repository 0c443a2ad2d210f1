/** How simulated servers speak: one speaker for each connection, in the words of either era. */
import type { Message } from "../support/memoryProcesses.ts"
import { TOOLS } from "./Step.ts"
import type { Arguments, Estate, Execution } from "./Estate.ts"

/** A connection as a server sees it. */
export interface Line {
  readonly id: string
  /** Under which version of its configuration it was opened. */
  readonly version: string
  readonly isAlive: () => boolean
  /** Does what the client says of a request still arrive? */
  readonly isReachable: (request: Message["id"]) => boolean
  /** `request` is the id of the request that it is about. */
  readonly say: (message: object, request?: Message["id"]) => void
  /** The server ends what the connection runs on. */
  readonly crash: () => void
}

export interface Speaker {
  readonly heard: (message: Message) => void
  /** The connection is gone. */
  readonly closed: () => void
}

const META = "io.modelcontextprotocol"

const CAPABILITIES = { tools: { listChanged: true } }

const listOf = ({ tools }: Estate) => ({
  tools: tools.map((name) => ({
    name,
    inputSchema: { type: "object" },
    ...(name === TOOLS[0] ? { annotations: { readOnlyHint: true } } : {})
  }))
})

const questionFor = (tag: string, round: number) => ({
  mode: "form",
  message: JSON.stringify({ tag, round }),
  requestedSchema: { type: "object", properties: {} }
})

const result = (estate: Estate, { connection, tag, tool }: Execution, version: string, more: object) => ({
  content: [
    { type: "text", text: JSON.stringify({ tag, tool, server: estate.setup.name, connection, version, ...more }) }
  ]
})

const rpc = (message: object) => ({ jsonrpc: "2.0", ...message })

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

/** Calls that are being carried out, by the ids of their requests. */
class Running {
  private readonly estate: Estate
  private readonly line: Line
  private readonly open = new Map<Message["id"], Execution>()

  constructor(estate: Estate, line: Line) {
    this.estate = estate
    this.line = line
  }

  begin(id: Message["id"], tool: string, { tag }: Arguments): Execution {
    const { estate, line } = this
    const execution: Execution = {
      tag,
      server: estate.setup.name,
      tool,
      connection: line.id,
      isReachable: () => line.isReachable(id),
      state: "open"
    }
    estate.begin(execution)
    this.open.set(id, execution)
    return execution
  }

  /** An execution that asked goes on with this request. */
  adopt(id: Message["id"], execution: Execution): Execution {
    execution.state = "open"
    execution.isReachable = () => this.line.isReachable(id)
    this.open.set(id, execution)
    return execution
  }

  cancel(id: unknown): void {
    const execution = this.open.get(id as Message["id"])
    if (execution?.state === "open") execution.state = "cancelled"
    this.open.delete(id as Message["id"])
  }

  /** What a call says, while it is listened to. */
  sayOf(id: Message["id"], execution: Execution): (message: object) => void {
    return (message) => {
      if (execution.state === "cancelled" || !this.line.isAlive()) return
      this.line.say(rpc(message), id)
    }
  }

  end(id: Message["id"], execution: Execution): void {
    if (execution.state === "open") execution.state = "answered"
    this.open.delete(id)
  }
}

/** 2025-11-25 and before: it asks by requests of its own. */
export const legacy = (estate: Estate, line: Line): Speaker => {
  const running = new Running(estate, line)
  const asked = new Map<Message["id"], (answer: unknown) => void>()
  let questions = 0
  const reply = (id: Message["id"], body: object): void => line.say(rpc({ id, ...body }), id)
  const forget = estate.onRelist(() =>
    estate.awake(() => line.say(rpc({ method: "notifications/tools/list_changed" })))
  )

  const call = (id: Message["id"], params: Readonly<Record<string, unknown>>): void => {
    const given = params["arguments"] as Arguments
    const execution = running.begin(id, String(params["name"]), given)
    const say = running.sayOf(id, execution)
    const { progressToken } = fieldsOf(params["_meta"])
    estate.perform(given.plan, {
      answer: (more = {}) => {
        say({ id, result: result(estate, execution, line.version, more) })
        running.end(id, execution)
      },
      fail: () => {
        say({ id, error: { code: -31999, message: `${given.tag} does not work` } })
        running.end(id, execution)
      },
      progress: (progress) => {
        if (progressToken !== undefined) say({ method: "notifications/progress", params: { progressToken, progress } })
      },
      ask: (round, heard) => {
        const question = `question ${++questions}`
        asked.set(question, (answer) => {
          if (execution.state === "open") heard(answer)
        })
        say({ id: question, method: "elicitation/create", params: questionFor(given.tag, round) })
      },
      crash: line.crash
    })
  }

  const heard = ({ error, id, method, params = {}, result }: Message): void => {
    if (method === undefined) {
      const answer = asked.get(id)
      asked.delete(id)
      answer?.(result ?? error)
      return
    }
    switch (method) {
      case "initialize":
        return estate.after(estate.slowness, () =>
          estate.awake(() => {
            if (!line.isAlive()) return
            reply(id, {
              result: {
                protocolVersion: params["protocolVersion"],
                capabilities: CAPABILITIES,
                serverInfo: { name: estate.setup.name, version: line.version }
              }
            })
          })
        )
      case "tools/list":
        return reply(id, { result: listOf(estate) })
      case "tools/call":
        return call(id, params)
      case "notifications/cancelled":
        return running.cancel(params["requestId"])
      default:
        if (id === undefined) return
        if (method === "ping") reply(id, { result: {} })
        else reply(id, { error: { code: -32601, message: `Method not found: ${method}` } })
    }
  }
  return { heard: (message) => estate.awake(() => (line.isAlive() ? heard(message) : undefined)), closed: forget }
}

/** 2026-07-28: it asks by its results, and tells of changes to who listens. */
export const modern = (estate: Estate, line: Line): Speaker => {
  const running = new Running(estate, line)
  const listening = new Set<Message["id"]>()
  const complete = (id: Message["id"], body: object): void =>
    line.say(
      rpc({
        id,
        result: {
          resultType: "complete",
          ...body,
          _meta: { [`${META}/serverInfo`]: { name: estate.setup.name, version: line.version } }
        }
      }),
      id
    )
  const tell = (id: Message["id"], method: string, params: object): void =>
    line.say(rpc({ method, params: { ...params, _meta: { [`${META}/subscriptionId`]: id } } }), id)
  const forget = estate.onRelist(() =>
    estate.awake(() => {
      for (const id of listening) tell(id, "notifications/tools/list_changed", {})
    })
  )

  const call = (id: Message["id"], params: Readonly<Record<string, unknown>>): void => {
    const given = params["arguments"] as Arguments
    const state = params["requestState"]
    const told = typeof state === "string" ? (JSON.parse(state) as ReadonlyArray<unknown>) : []
    const answers = Object.values(fieldsOf(params["inputResponses"]))
    const known = [...told, ...answers]
    const before = state === undefined ? undefined : estate.executions.get(given.tag)?.at(-1)
    const execution =
      before === undefined ? running.begin(id, String(params["name"]), given) : running.adopt(id, before)
    const say = running.sayOf(id, execution)
    const { progressToken } = fieldsOf(params["_meta"])
    estate.perform(given.plan, {
      answer: (more = {}) => {
        if (execution.state === "open" && line.isAlive())
          complete(id, { ...result(estate, execution, line.version, more) })
        running.end(id, execution)
      },
      fail: () => {
        say({ id, error: { code: -31999, message: `${given.tag} does not work` } })
        running.end(id, execution)
      },
      progress: (progress) => {
        if (progressToken !== undefined) say({ method: "notifications/progress", params: { progressToken, progress } })
      },
      ask: (round, heard) => {
        const answer = known[round - 1]
        if (answer !== undefined) return heard(answer)
        const question = { method: "elicitation/create", params: questionFor(given.tag, round) }
        say({
          id,
          result: {
            resultType: "input_required",
            inputRequests: { [`round ${round}`]: question },
            requestState: JSON.stringify(known)
          }
        })
        if (execution.state === "open") execution.state = "asking"
      },
      crash: line.crash
    })
  }

  const heard = ({ id, method, params = {} }: Message): void => {
    switch (method) {
      case "server/discover":
        return estate.after(estate.slowness, () =>
          estate.awake(() => {
            if (line.isAlive()) complete(id, { supportedVersions: ["2026-07-28"], capabilities: CAPABILITIES })
          })
        )
      case "tools/list":
        return complete(id, { ...listOf(estate), ttlMs: 60_000, cacheScope: "private" })
      case "tools/call":
        return call(id, params)
      case "subscriptions/listen":
        listening.add(id)
        return tell(id, "notifications/subscriptions/acknowledged", { notifications: { toolsListChanged: true } })
      case "notifications/cancelled":
        listening.delete(params["requestId"] as Message["id"])
        return running.cancel(params["requestId"])
      default:
        if (id === undefined) return
        line.say(rpc({ id, error: { code: -32601, message: `Method not found: ${String(method)}` } }), id)
    }
  }
  return {
    heard: (message) => estate.awake(() => (line.isAlive() ? heard(message) : undefined)),
    closed: () => {
      forget()
      listening.clear()
    }
  }
}
