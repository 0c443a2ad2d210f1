/** The live heap of another Node, after its garbage has been collected: what is really kept. */

interface Reply {
  readonly id?: number
  readonly result?: {
    readonly usedSize?: number
    readonly embedderHeapUsedSize?: number
    readonly backingStorageSize?: number
  }
}

/** What makes a Node listen to us on a port. */
export const option = (port: number): string => `--inspect=127.0.0.1:${port}`

/** Megabytes of live objects and buffers of the main thread. */
export const liveHeap = async (port: number): Promise<number> => {
  const [found] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as ReadonlyArray<{
    readonly webSocketDebuggerUrl: string
  }>
  const socket = new WebSocket(found?.webSocketDebuggerUrl ?? "")
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }))
  let last = 0
  const ask = (method: string): Promise<Reply> =>
    new Promise((resolve) => {
      const id = ++last
      const take = ({ data }: MessageEvent): void => {
        const reply = JSON.parse(String(data)) as Reply
        if (reply.id !== id) return
        socket.removeEventListener("message", take)
        resolve(reply)
      }
      socket.addEventListener("message", take)
      socket.send(JSON.stringify({ id, method }))
    })
  try {
    // What a first collection sets free may hold on to more until a second.
    for (let times = 0; times < 3; times++) await ask("HeapProfiler.collectGarbage")
    const { result = {} } = await ask("Runtime.getHeapUsage")
    return ((result.usedSize ?? 0) + (result.embedderHeapUsedSize ?? 0) + (result.backingStorageSize ?? 0)) / 1e6
  } finally {
    socket.close()
  }
}
