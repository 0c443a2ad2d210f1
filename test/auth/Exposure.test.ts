/** A proxy without sign-in serves its own machine only, unless its owner says otherwise, and says so at every start. */
import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Exposure from "../../src/auth/Exposure.ts"
import { isLoopback } from "../../src/http/Guard.ts"

interface Given {
  readonly provider?: "google" | "none"
  readonly disabled?: boolean
  readonly allowInsecure?: boolean
  readonly host?: string
  readonly baseUrl?: string
  readonly port?: number
}

const decide = ({ allowInsecure = false, baseUrl, disabled = false, host, port = 8080, provider }: Given) =>
  Exposure.decide(
    { provider: Option.fromUndefinedOr(provider), disabled, allowInsecure },
    { host: Option.fromUndefinedOr(host), baseUrl: Option.fromUndefinedOr(baseUrl), port, isLoopback }
  )

const allowed = (given: Given): Exposure.Exposure => Result.getOrThrow(decide(given))

const refused = (given: Given): ReadonlyArray<string> => Result.getOrThrow(Result.flip(decide(given)))

describe("without a word about sign-in", () => {
  it.each([{}, { provider: "google" }, { provider: "google", allowInsecure: true }, { host: "127.0.0.1" }] as const)(
    "%j: the proxy does not start, and says what to set",
    (given) => {
      assert.strictEqual(refused(given).length, 1)
      assert.include(refused(given)[0], "MCP_AUTH_PROVIDER=none")
    }
  )
})

describe("with sign-in switched off", () => {
  it.each([{ provider: "none" }, { disabled: true }, { disabled: true, provider: "google" }] as const)(
    "%j: it listens on this machine only",
    (given) => {
      assert.deepStrictEqual(allowed(given), {
        host: "127.0.0.1",
        baseUrl: "http://localhost:8080",
        warning: "No sign-in: every program on this machine can use every tool (MCP_AUTH_PROVIDER=none)"
      })
    }
  )

  it.each(["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])("it may listen on %s", (host) => {
    assert.strictEqual(allowed({ provider: "none", host }).host, host)
  })

  it.each(["0.0.0.0", "::", "192.168.1.2", "example.com", "localhost.example.com"])(
    "it does not listen on %s, which others reach, and says both ways out",
    (host) => {
      const [reason = ""] = refused({ provider: "none", host })
      assert.include(reason, `MCP_HOST=${host}`)
      assert.include(reason, "MCP_ALLOW_INSECURE=true")
      assert.include(reason, "Leave MCP_HOST unset")
    }
  )

  it("it listens there where its owner insists, and warns of just that", () => {
    const exposure = allowed({ provider: "none", host: "0.0.0.0", allowInsecure: true })
    assert.strictEqual(exposure.host, "0.0.0.0")
    assert.include(exposure.warning, "reachable on 0.0.0.0")
    assert.include(exposure.warning, "MCP_ALLOW_INSECURE")
  })

  it("that insistence does not by itself open anything", () => {
    assert.strictEqual(allowed({ provider: "none", allowInsecure: true }).host, "127.0.0.1")
  })

  it("it is known by the address that is set, or by localhost and its port", () => {
    assert.strictEqual(allowed({ disabled: true, baseUrl: "https://x" }).baseUrl, "https://x")
    assert.strictEqual(allowed({ disabled: true, port: 9 }).baseUrl, "http://localhost:9")
  })
})
