/**
 * What V8 knows of how Node's objects are built it forgets when a full collection finds none of them, which is whenever the
 * program was idle; and where code sees the same shape made anew it takes it for another, and gives up on it for good. So one
 * of each is kept.
 */
import { createHook } from "node:async_hooks"

const kept: Array<object> = []

/** The Node that comes with this program can tell of ticks alone; one that cannot would watch every promise from then on. */
const isKnown = ((): boolean => {
  const [major, minor = 0] = process.versions.node.split(".").map(Number)
  return major === 24 && minor >= 21
})()

/** What `process.nextTick` makes for each call: elsewhere it may come to cost seven times as much. To be called first of all. */
export const keepTick = (): void => {
  if (!isKnown) return
  const hook = createHook({
    trackPromises: false,
    init: (_, type, _trigger, resource) => {
      if (type === "TickObject") kept.push(resource)
    }
  })
  hook.enable()
  process.nextTick(() => {})
  hook.disable()
}

/** What an HTTP server makes for each request. To be called before there are any. */
export const keepExchange = (): void => {
  // Imported, they would bring all that they export.
  const { IncomingMessage, ServerResponse } = process.getBuiltinModule("node:http")
  const { Socket } = process.getBuiltinModule("node:net")
  const incoming = new IncomingMessage(new Socket())
  kept.push(incoming, new ServerResponse(incoming))
}
