/**
 * The program itself, which tells whoever listens at `LEAK_CHANNEL` what it holds, whenever it is asked:
 *
 *     memory         how many bytes live
 *     census         its timers, listeners, and what keeps it busy
 *     snapshot FILE  writes a heap snapshot
 *
 * Garbage is collected before, and each answer is a line of JSON.
 *
 * With `LEAK_LISTENER` it leaks on purpose: one listener for each request, which keeps that.
 */
import { EventEmitter } from "node:events"
import http from "node:http"
import { syncBuiltinESMExports } from "node:module"
import { connect } from "node:net"
import { createInterface } from "node:readline"
import { setImmediate as turn } from "node:timers/promises"
import { getHeapSpaceStatistics, queryObjects, setFlagsFromString, writeHeapSnapshot } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Census, Memory } from "./Channel.ts"

setFlagsFromString("--expose-gc")
// What V8 forgets of functions that were not used for a while, and learns anew, is neither left behind nor gone.
setFlagsFromString("--no-flush-bytecode")
const collect = runInNewContext("gc") as () => void

// Small buffers are pieces of larger ones. In larger steps than these, noise would be what there is to see.
Buffer.poolSize = 8 * 1024

const timer = setTimeout(() => {}, 0)
clearTimeout(timer)
const Timeout = timer.constructor

/** What a first collection sets free may hold on to more, until finalizers have had their turn. */
const collected = async (): Promise<void> => {
  collect()
  await turn()
  collect()
}

const listenersOf = (emitter: NodeJS.EventEmitter): number =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)

/** Where V8 keeps compiled code, which comes and goes as functions are used more or less. */
const COMPILED = /^(?:code|trusted)_/u

const memory = (): Memory => {
  const { external, rss } = process.memoryUsage()
  const heap = getHeapSpaceStatistics().reduce(
    (sum, space) => (COMPILED.test(space.space_name) ? sum : sum + space.space_used_size),
    0
  )
  return { heap, external, resident: rss }
}

const census = (): Census => ({
  // Those too that would not keep the process alive, of which Node's own count says nothing.
  timers: queryObjects(Timeout as never, { format: "count" }) as unknown as number,
  listeners: listenersOf(process),
  resources: process.getActiveResourcesInfo().length
})

const commands: Readonly<Record<string, (argument: string) => unknown>> = {
  memory,
  census,
  snapshot: (file) => ({ written: writeHeapSnapshot(file) })
}

if (process.env["LEAK_LISTENER"] !== undefined) {
  const leaky = new EventEmitter().setMaxListeners(0)
  const { createServer } = http
  http.createServer = ((...options: Parameters<typeof createServer>) =>
    createServer(...options).on("request", (request) => leaky.on("never", () => request))) as typeof createServer
  syncBuiltinESMExports()
}

const channel = connect(process.env["LEAK_CHANNEL"] ?? "").unref()
createInterface({ input: channel }).on("line", (line) => {
  const [command = "", argument = ""] = line.split(" ")
  void collected().then(() => channel.write(`${JSON.stringify(commands[command]?.(argument))}\n`))
})

await import(new URL("../../dist/main.js", import.meta.url).href)
