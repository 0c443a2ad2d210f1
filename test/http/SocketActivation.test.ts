/** A socket that is handed over: whose it is, what it is, and what is said where it is of no use. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs"
import { type AddressInfo, connect, createServer, type ListenOptions, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SocketActivation from "../../src/http/SocketActivation.ts"

const claim = (fds: string | undefined, pid: string | undefined, own = [7]) => SocketActivation.claim({ fds, pid, own })

describe("a socket is claimed", () => {
  it("where there is one, and it is for this process, or for the wrapper that runs it", () => {
    assert.deepStrictEqual(claim("1", "7"), Result.succeed(true))
    assert.deepStrictEqual(claim("1", "6", [7, 6]), Result.succeed(true))
  })

  it("never where there is none, or it is for another process, whatever else is said", () => {
    for (const [fds, pid] of [
      [undefined, undefined],
      ["1", undefined],
      [undefined, "7"],
      ["0", "7"],
      ["1", "8"],
      ["2", "8"],
      ["many", "8"],
      ["1", ""]
    ] as const) {
      assert.deepStrictEqual(claim(fds, pid), Result.succeed(false), `${fds} ${pid}`)
    }
  })

  it("alone: of several none is taken, and it is said what to do", () => {
    const problem = Result.getOrThrow(Result.flip(claim("2", "7")))
    assert.match(problem, /^2 sockets were handed over, and one is taken\. Leave one ListenStream=/u)
    assert.match(Result.getOrThrow(Result.flip(claim("-1", "7"))), /expected a number, not "-1"/u)
  })
})

describe("a listening TCP socket", () => {
  const line = (address: string, state: string, inode: number): string =>
    `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 100 0 0 10 0`
  const table = (...lines: ReadonlyArray<string>): string =>
    [
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
      ...lines,
      ""
    ].join("\n")

  for (const [written, host, port] of [
    ["0100007F:1F90", "127.0.0.1", 8080],
    ["00000000:0050", "0.0.0.0", 80],
    ["0B01A8C0:01BB", "192.168.1.11", 443],
    ["00000000000000000000000000000000:1F90", "::", 8080],
    ["00000000000000000000000001000000:1F90", "::1", 8080],
    ["B80D0120000000000000000001000000:1F90", "2001:db8::1", 8080]
  ] as const) {
    it(`at ${host} is found by its number`, () => {
      const text = table(line("0200007F:0001", "0A", 11), line(written, "0A", 22), line("0300007F:0001", "0A", 222))
      assert.deepStrictEqual(SocketActivation.findTcp(text, "22"), { _tag: "Inet", host, port })
    })
  }

  it("is neither a connection nor another's", () => {
    assert.isUndefined(SocketActivation.findTcp(table(line("0100007F:1F90", "01", 22)), "22"))
    assert.isUndefined(SocketActivation.findTcp(table(line("0100007F:1F90", "0A", 22)), "2"))
    assert.isUndefined(SocketActivation.findTcp("", "22"))
  })
})

describe("a listening Unix socket", () => {
  const table = (flags: string, type: string, path: string): string =>
    `Num       RefCount Protocol Flags    Type St Inode Path\n0000000000000000: 00000002 00000000 ${flags} ${type} 01 22 ${path}\n`

  it("is found by its number, whatever its path", () => {
    for (const path of ["/run/mcp.sock", "/run/with a space.sock", "@abstract"]) {
      assert.deepStrictEqual(SocketActivation.findUnix(table("00010000", "0001", path), "22"), { _tag: "Unix", path })
    }
  })

  it("is neither a connection nor a socket for datagrams", () => {
    assert.isUndefined(SocketActivation.findUnix(table("00000000", "0001", "/run/mcp.sock"), "22"))
    assert.isUndefined(SocketActivation.findUnix(table("00010000", "0002", "/run/mcp.sock"), "22"))
  })
})

describe.skipIf(process.platform !== "linux")("what the kernel says", () => {
  const listening = (options: ListenOptions) =>
    Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        const server = createServer().listen(options, () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    )
  const descriptorOf = (socket: Server | Socket): number =>
    (Reflect.get(socket, "_handle") as { readonly fd: number }).fd

  it.live("is understood: the address of a real socket is the one that it was bound to", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "mcp-proxy-socket-"))
      const path = join(folder, "a.sock")
      for (const options of [{ host: "127.0.0.1", port: 0 }, { host: "0.0.0.0", port: 0 }, { path }]) {
        const server = yield* listening(options)
        const { address } = yield* SocketActivation.inspect(descriptorOf(server))
        const bound = server.address()
        assert.deepStrictEqual(
          address,
          bound === null || typeof bound === "string"
            ? { _tag: "Unix", path }
            : { _tag: "Inet", host: bound.address, port: bound.port }
        )
      }
      rmSync(folder, { recursive: true })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.live("of anything else is said, with what is needed", () =>
    Effect.gen(function* () {
      const reason = (fd: number) => Effect.map(Effect.flip(SocketActivation.inspect(fd)), ({ message }) => message)
      assert.match(yield* reason(987), /^LISTEN_FDS: descriptor 987 is not open, not a listening TCP or Unix stream/u)
      const file = yield* Effect.acquireRelease(
        Effect.sync(() => openSync(process.execPath, "r")),
        (fd) => Effect.sync(() => closeSync(fd))
      )
      assert.include(yield* reason(file), process.execPath)
      const server = yield* listening({ host: "127.0.0.1", port: 0 })
      const client = yield* Effect.acquireRelease(
        Effect.callback<Socket>((resume) => {
          const socket = connect((server.address() as AddressInfo).port, "127.0.0.1", () =>
            resume(Effect.succeed(socket))
          )
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      assert.match(yield* reason(descriptorOf(client)), /another socket, or one that does not listen.*Accept=no\.$/u)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
