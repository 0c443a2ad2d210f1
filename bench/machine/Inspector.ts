/** Another Node, seen through its inspector: what lives on its heap, and what it does with its time. */

/** What makes a Node listen to us on a port. */
export const option = (port: number): string => `--inspect=127.0.0.1:${port}`

type Ask = (method: string, params?: object) => Promise<unknown>

/** Talks to the main thread of the Node that listens there, for as long as `use` takes. */
const inspected = async <A>(port: number, use: (ask: Ask) => Promise<A>): Promise<A> => {
  const [found] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as ReadonlyArray<{
    readonly webSocketDebuggerUrl: string
  }>
  const socket = new WebSocket(found?.webSocketDebuggerUrl ?? "")
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true })
    socket.addEventListener("error", () => reject(new Error(`no inspector on port ${port}`)), { once: true })
  })
  const waiting = new Map<number, (result: unknown) => void>()
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown }
    waiting.get(id ?? 0)?.(result)
  })
  let last = 0
  try {
    return await use((method, params = {}) => {
      const id = ++last
      const answered = new Promise((resolve) => waiting.set(id, resolve))
      socket.send(JSON.stringify({ id, method, params }))
      return answered
    })
  } finally {
    socket.close()
  }
}

interface HeapUsage {
  readonly usedSize: number
  readonly embedderHeapUsedSize?: number
  readonly backingStorageSize?: number
}

/** Megabytes of live objects and buffers, after garbage has been collected: what is really kept. */
export const liveHeap = (port: number): Promise<number> =>
  inspected(port, async (ask) => {
    // What a first collection sets free may hold on to more until a second.
    for (let times = 0; times < 3; times++) await ask("HeapProfiler.collectGarbage")
    const heap = (await ask("Runtime.getHeapUsage")) as HeapUsage
    return (heap.usedSize + (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0)) / 1e6
  })

/** A .cpuprofile of what it does meanwhile, sampled every so many microseconds. */
export const profileOf = (port: number, micros: number, work: () => Promise<unknown>): Promise<unknown> =>
  inspected(port, async (ask) => {
    await ask("Profiler.enable")
    await ask("Profiler.setSamplingInterval", { interval: micros })
    await ask("Profiler.start")
    await work()
    const { profile } = (await ask("Profiler.stop")) as { readonly profile: unknown }
    return profile
  })
