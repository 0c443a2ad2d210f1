/**
 * The program itself, which tells whoever listens at `LEAK_CHANNEL` what it holds, whenever it is asked:
 *
 *     census         answered with a line of JSON, once garbage has been collected
 *     snapshot FILE  writes a heap snapshot, and says so
 *
 * With `LEAK_LISTENER` it leaks on purpose: one listener for each request, which keeps that.
 */
import { EventEmitter } from "node:events"
import http from "node:http"
import { syncBuiltinESMExports } from "node:module"
import { connect } from "node:net"
import { createInterface } from "node:readline"
import { setImmediate as turn } from "node:timers/promises"
import { queryObjects, setFlagsFromString, writeHeapSnapshot } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Census } from "./Channel.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

const timer = setTimeout(() => {}, 0)
clearTimeout(timer)
const Timeout = timer.constructor

/** What a first collection sets free may hold on to more, until finalizers have had their turn. */
const collected = async (): Promise<void> => {
  for (let times = 0; times < 2; times++) {
    collect()
    await turn()
  }
  collect()
}

const listenersOf = (emitter: NodeJS.EventEmitter): number =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)

const census = async (): Promise<Census> => {
  await collected()
  const { external, heapUsed, rss } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  return {
    heap: heapUsed,
    external,
    resident: rss,
    // Those too that would not keep the process alive, of which Node's own count says nothing.
    timers: queryObjects(Timeout as never, { format: "count" }) as unknown as number,
    listeners: listenersOf(process),
    resources
  }
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
  const [command, file] = line.split(" ")
  const answered = command === "snapshot" ? Promise.resolve({ written: writeHeapSnapshot(file) }) : census()
  void answered.then((found) => channel.write(`${JSON.stringify(found)}\n`))
})

await import(new URL("../../dist/main.js", import.meta.url).href)
