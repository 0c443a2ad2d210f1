/** Fetching documents from hosts that anybody may name: what this server cannot be made to call, read or wait for (SSRF). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import type { ServerResponse } from "node:http"
import type { LookupFunction } from "node:net"
import { join } from "node:path"
import * as ClientDocuments from "../../../src/auth/server/ClientDocuments.ts"
import { AuthorizationServer } from "../../../src/auth/server/AuthorizationServer.ts"
import { secureHost } from "../../support/documents.ts"
import * as oauth from "../../support/oauth.ts"

const REDIRECT = "https://app.example/cb"

const ca = readFileSync(join(import.meta.dirname, "../../fixtures/tls/cert.pem"), "utf8")

/** Leads every name to this machine, as an attacker's name server might; without the check of what it says. */
const toHere: LookupFunction = (_, options, callback) =>
  options.all === true ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4)

/** A host on this machine that answers as the test says, and how often it was asked. */
const host = (answer: Parameters<typeof secureHost>[0]) => {
  const seen: Array<string> = []
  const noted: typeof answer = (request, response, url) => {
    seen.push(request.url ?? "")
    answer(request, response, url)
  }
  return Effect.map(
    secureHost(noted, () => seen.push("connection")),
    ({ port, url }) => ({ url, seen, port })
  )
}

const fetchReaching = (reach: ClientDocuments.FetchOptions = {}) =>
  Effect.provideService(ClientDocuments.makeFetch, ClientDocuments.Reach, reach)

const send = (response: ServerResponse, body: string, headers: Record<string, string> = {}, status = 200): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body)
}

const document = (url: string, more: object = {}): string =>
  JSON.stringify({ client_id: url, redirect_uris: [REDIRECT], ...more })

const reason = (fetched: Effect.Effect<Response, ClientDocuments.DocumentRefused>) =>
  Effect.map(Effect.flip(fetched), (error) => error.reason)

describe("an address", () => {
  // IANA IPv4 and IPv6 Special-Purpose Address Registries, and multicast.
  const SPECIAL: ReadonlyArray<readonly [string, string]> = [
    ["0.0.0.0", "0.255.255.255"],
    ["10.0.0.0", "10.255.255.255"],
    ["100.64.0.0", "100.127.255.255"],
    ["127.0.0.0", "127.255.255.255"],
    ["169.254.0.0", "169.254.255.255"],
    ["172.16.0.0", "172.31.255.255"],
    ["192.0.0.0", "192.0.0.255"],
    ["192.0.2.0", "192.0.2.255"],
    ["192.31.196.0", "192.31.196.255"],
    ["192.52.193.0", "192.52.193.255"],
    ["192.88.99.0", "192.88.99.255"],
    ["192.168.0.0", "192.168.255.255"],
    ["192.175.48.0", "192.175.48.255"],
    ["198.18.0.0", "198.19.255.255"],
    ["198.51.100.0", "198.51.100.255"],
    ["203.0.113.0", "203.0.113.255"],
    ["224.0.0.0", "239.255.255.255"],
    ["240.0.0.0", "255.255.255.255"],
    ["::", "::1"],
    ["::ffff:0:0", "::ffff:ffff:ffff"],
    ["::ffff:8.8.8.8", "::ffff:127.0.0.1"],
    ["64:ff9b::", "64:ff9b::ffff:ffff"],
    ["64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
    ["100::", "100::ffff:ffff:ffff:ffff"],
    ["2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"],
    ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["fec0::", "feff::"],
    ["ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]
  ]

  it.each(SPECIAL)("of %s to %s is not public", (first, last) => {
    assert.isFalse(ClientDocuments.isPublic(first))
    assert.isFalse(ClientDocuments.isPublic(last))
  })

  it.each([
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::",
    "2001:4860:4860::8888",
    "2001:db7::",
    "2606:4700::1111",
    "3ffe::1"
  ])("%s is public: what is forbidden ends where it should", (address) => {
    assert.isTrue(ClientDocuments.isPublic(address))
  })

  it("that is none, or is bound to one interface, is not public", () => {
    for (const text of ["", "localhost", "1.1.1", "8.8.8.8.", "0x8.8.8.8", "fe80::1%eth0", "2606:4700::1111%1"]) {
      assert.isFalse(ClientDocuments.isPublic(text), text)
    }
  })

  it("of a private network is not public, whichever it is", () => {
    const byte = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(byte, byte, byte, (a, b, c) => {
        for (const address of [`10.${a}.${b}.${c}`, `127.${a}.${b}.${c}`, `192.168.${a}.${b}`, `169.254.${a}.${b}`]) {
          assert.isFalse(ClientDocuments.isPublic(address), address)
          assert.isFalse(ClientDocuments.isPublic(`::ffff:${address}`), address)
          assert.isFalse(ClientDocuments.isPublic(new URL(`http://[::ffff:${address}]`).hostname.slice(1, -1)), address)
        }
      })
    )
  })
})

describe("a document at an address that is not public", () => {
  it.live("is not fetched, however the address is written: no connection is made", () =>
    Effect.gen(function* () {
      const { port, seen } = yield* host((_, response, url) => send(response, document(url("/"))))
      // Without a look-up of the test's own: the real one.
      const fetch = yield* fetchReaching({ ca })
      for (const name of [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "①②⑦.0.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "10.0.0.1"
      ]) {
        const refused = yield* reason(fetch(`https://${name}:${port}/`))
        assert.strictEqual(refused, "its address is not public", name)
      }
      for (const name of ["localhost", "LOCALHOST", "localhost."]) {
        const refused = yield* reason(fetch(`https://${name}:${port}/`))
        assert.match(refused, /not public|ENOTFOUND|EAI_AGAIN/u, name)
      }
      assert.deepStrictEqual(seen, [])
    }).pipe(Effect.scoped)
  )

  it.live("is not reached by a name that is checked once and then leads elsewhere (rebinding)", () =>
    Effect.gen(function* () {
      let asked = 0
      const { url } = yield* host((_, response, at) => send(response, document(at("/a"))))
      const lookup: LookupFunction = (name, options, callback) => {
        asked++
        toHere(name, options, callback)
      }
      const fetch = yield* fetchReaching({ ca, lookup })
      yield* fetch(url("/a"))
      // The name is resolved where the connection is made, and nowhere else: there is no second answer to give.
      assert.strictEqual(asked, 1)
    }).pipe(Effect.scoped)
  )

  it.live("is not reached by a redirect", () =>
    Effect.gen(function* () {
      for (const status of [301, 302, 303, 307, 308]) {
        const { seen, url } = yield* host((_, response, at) =>
          send(response, document(at("/secret")), { location: at("/secret") }, status)
        )
        const fetch = yield* fetchReaching({ ca, lookup: toHere })
        assert.strictEqual(yield* reason(fetch(url("/a"))), `it is answered with HTTP ${status}`)
        assert.deepStrictEqual(seen, ["connection", "/a"])
      }
    }).pipe(Effect.scoped)
  )
})

describe("a document", () => {
  const fetched = (answer: (response: ServerResponse, url: string) => void) =>
    Effect.gen(function* () {
      const { url } = yield* host((_, response, at) => answer(response, at("/a")))
      const fetch = yield* fetchReaching({ ca, lookup: toHere })
      return yield* fetch(url("/a"))
    }).pipe(Effect.scoped)

  it.live("is asked for by https only", () =>
    Effect.gen(function* () {
      const fetch = yield* fetchReaching()
      for (const url of [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "data:application/json,{}"
      ]) {
        assert.strictEqual(yield* reason(fetch(url)), "only https is fetched", url)
      }
    })
  )

  it.live("of a host without a good certificate is not read", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* host((_, response, at) => send(response, document(at("/a"))))
      const untrusting = yield* fetchReaching({ lookup: toHere })
      assert.match(yield* reason(untrusting(url("/a"))), /certificate|self.signed/iu)
      assert.notInclude(seen, "/a")
    }).pipe(Effect.scoped)
  )

  it.live("larger than 5 KB is not read to its end, whatever its Content-Length says", () =>
    Effect.gen(function* () {
      const big = yield* reason(fetched((response, url) => send(response, document(url, { x: "y".repeat(5200) }))))
      assert.strictEqual(big, "it is larger than 5120 bytes")
      const endless = yield* reason(
        fetched((response) => {
          response.writeHead(200, { "content-type": "application/json" })
          const more = (): void => {
            if (!response.destroyed) response.write(" ".repeat(1024), () => setImmediate(more))
          }
          more()
        })
      )
      assert.strictEqual(endless, "it is larger than 5120 bytes")
      const fits = yield* fetched((response, url) =>
        send(response, document(url, { client_name: "A", x: "y".repeat(5000 - document(url).length) }))
      )
      assert.strictEqual(fits.status, 200)
    })
  )

  it.live("packed small, to be large when unpacked, is not unpacked", () =>
    Effect.gen(function* () {
      const refused = yield* reason(
        fetched((response) => send(response, "\u001f\u008b\u0008 no JSON", { "content-encoding": "gzip" }))
      )
      assert.strictEqual(refused, "it is not JSON")
    })
  )

  it.effect("that does not come, or comes too slowly, is given up after ten seconds", () =>
    Effect.gen(function* () {
      const slow = (answer: (response: ServerResponse) => void) =>
        Effect.gen(function* () {
          const { seen, url } = yield* host((_, response) => answer(response))
          const fetch = yield* fetchReaching({ ca, lookup: toHere })
          const fiber = yield* Effect.forkChild(reason(fetch(url("/a"))))
          yield* arrived(() => seen.includes("/a"))
          yield* TestClock.adjust("9999 millis")
          assert.isUndefined(fiber.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          return yield* Fiber.join(fiber)
        }).pipe(Effect.scoped)
      assert.strictEqual(yield* slow(() => {}), "it takes too long")
      const drip = yield* slow((response) => {
        response.writeHead(200, { "content-type": "application/json" })
        response.write("{")
      })
      assert.strictEqual(drip, "it takes too long")
    })
  )

  it.live("that is not read to its end ends the fetch, and not the process", () =>
    Effect.gen(function* () {
      const begun =
        (status: number, type: string) =>
        (response: ServerResponse): void =>
          send(response, "{}", { "content-type": type }, status)
      for (const answer of [begun(404, "application/json"), begun(302, "application/json"), begun(200, "text/html")]) {
        assert.isNotEmpty(yield* reason(fetched(answer)))
      }
      // What nobody listened to surfaces by now, and vitest fails the run for it.
      yield* Effect.sleep("50 millis")
    })
  )

  it.live.each(["text/html", "text/plain", "application/javascript", "application/jsonp", "text/json", ""])(
    "of the type %j is not taken for JSON",
    (type) =>
      Effect.gen(function* () {
        const refused = yield* reason(
          fetched((response, url) => send(response, document(url), { "content-type": type }))
        )
        assert.include(refused, "not application/json")
      })
  )

  it.live.each(["application/json", "application/json; charset=utf-8", "application/client+json"])(
    "of the type %s is",
    (type) =>
      Effect.map(
        fetched((response, url) => send(response, document(url), { "content-type": type })),
        ({ status }) => assert.strictEqual(status, 200)
      )
  )

  it.live("says no more than a registration may, and asks for no secret", () =>
    Effect.gen(function* () {
      const kept = yield* fetched((response, url) =>
        send(
          response,
          document(url, {
            client_name: "A",
            jwks_uri: "https://10.0.0.1/",
            request_uris: ["https://10.0.0.1/"],
            sector_identifier_uri: "https://10.0.0.1/",
            client_secret: "x"
          })
        )
      )
      const said = (yield* Effect.promise(() => kept.json())) as Record<string, unknown>
      assert.strictEqual(said["client_name"], "A")
      for (const name of ["jwks_uri", "request_uris", "sector_identifier_uri", "client_secret"]) {
        assert.notProperty(said, name)
      }
      for (const method of ["client_secret_post", "client_secret_basic", "private_key_jwt"]) {
        const refused = yield* Effect.exit(
          fetched((response, url) => send(response, document(url, { token_endpoint_auth_method: method })))
        )
        assert.strictEqual(refused._tag, "Failure", method)
      }
    })
  )
})

describe("a client that is named by a URL", () => {
  /** What becomes of a request with such a client_id, when all names lead to the host. */
  const asked = (id: (port: number) => string, says: (url: string) => string = (url) => document(url)) =>
    Effect.gen(function* () {
      const { port, seen } = yield* host((request, response) =>
        send(response, says(`https://client.test:${String(request.socket.localPort)}${request.url ?? ""}`))
      )
      const layer = Layer.provideMerge(
        oauth.serverLayer(),
        Layer.mergeAll(
          oauth.memory,
          oauth.providerLayer(),
          Layer.succeed(ClientDocuments.Reach, { ca, lookup: toHere })
        )
      )
      const { challenge } = oauth.pkce()
      const query = new URLSearchParams({
        client_id: id(port),
        response_type: "code",
        redirect_uri: REDIRECT,
        code_challenge: challenge,
        code_challenge_method: "S256"
      })
      const server = Effect.flatMap(AuthorizationServer, (service) => service.authorize(query))
      return { answer: yield* Effect.provide(server, layer), seen }
    }).pipe(Effect.scoped)

  it.live("with a user name, a password, dot segments, a fragment or no https is not fetched", () =>
    Effect.gen(function* () {
      for (const id of [
        (port: number) => `https://user@client.test:${port}/a`,
        (port: number) => `https://user:pass@client.test:${port}/a`,
        (port: number) => `https://@client.test:${port}/a`,
        (port: number) => `https://client.test:${port}/x/../a`,
        (port: number) => `https://client.test:${port}/x/%2e%2e/a`,
        (port: number) => `https://client.test:${port}/a#b`,
        (port: number) => `http://client.test:${port}/a`,
        (port: number) => `https:\\\\client.test:${port}\\a`,
        (port: number) => `https://client.test:${port}/a\n`,
        (port: number) => ` https://client.test:${port}/a`
      ]) {
        const { answer, seen } = yield* asked(id)
        assert.strictEqual(answer._tag, "Refused", id(0))
        assert.deepStrictEqual(seen, [], id(0))
      }
    })
  )

  it.live("is believed only if its document bears that very URL, and sends nowhere that it does not name", () =>
    Effect.gen(function* () {
      const good = yield* asked((port) => `https://client.test:${port}/a`)
      assert.strictEqual(good.answer._tag, "Ask")
      for (const says of [
        () => document("https://claude.ai/oauth/metadata"),
        (url: string) => document(`${url}/`),
        (url: string) => document(url, { redirect_uris: ["https://other.example/cb"] }),
        (url: string) => document(url, { redirect_uris: ["javascript:alert(1)"] }),
        () => JSON.stringify({ redirect_uris: [REDIRECT] }),
        () => "[]",
        () => "null",
        () => "<html>"
      ]) {
        const { answer } = yield* asked((port) => `https://client.test:${port}/a`, says)
        assert.strictEqual(answer._tag, "Refused", says("https://client.test/a"))
      }
    })
  )
})

/** Waits in real time, for the network has no other. */
const arrived = (condition: () => boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const look = (): void => {
      if (condition()) resume(Effect.void)
      else setImmediate(look)
    }
    look()
  })
