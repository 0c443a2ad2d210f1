/** How the proxy may run: every combination of settings is either one way of running, or every reason why not. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as Exposure from "../../src/auth/Exposure.ts"
import * as ProviderSettings from "../../src/auth/ProviderSettings.ts"
import { isLoopback } from "../../src/http/Guard.ts"
import * as HttpSettings from "../../src/http/HttpSettings.ts"
import * as KeySource from "../../src/keys/KeySource.ts"
import * as Settings from "../../src/settings/Settings.ts"

const groups = {
  auth: Exposure.settings,
  http: HttpSettings.settings,
  providers: ProviderSettings.settings,
  keys: KeySource.settings
}

/** What an environment comes to. */
const decide = (env: Readonly<Record<string, string>>, handed?: Exposure.Wanted["handed"]) => {
  const read = Effect.provideService(
    Settings.load(groups),
    ConfigProvider.ConfigProvider,
    ConfigProvider.fromEnv({ env })
  )
  const { auth, http, keys, providers } = Effect.runSync(read)
  return Exposure.decide(auth, { ...http, keys, providers, handed, isLoopback })
}

const allowed = (env: Readonly<Record<string, string>>): Exposure.Exposure => Result.getOrThrow(decide(env))

const refused = (env: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Result.getOrThrow(Result.flip(decide(env)))

const JWT_KEY = "3f9c1b7de0a245886b0f4de1c97a253b18e4f6027d5c9ab3416e8f20d7b9c5a4"
const SECRET = "GOCSPX-0123456789abcdefghijklmnopqr"

const google = { GOOGLE_CLIENT_ID: "id.apps.googleusercontent.com", GOOGLE_CLIENT_SECRET: SECRET }
const oidc = {
  MCP_AUTH_PROVIDER: "oidc",
  OIDC_ISSUER: "https://id.example.com/realms/a",
  OIDC_CLIENT_ID: "us",
  OIDC_CLIENT_SECRET: SECRET
}
const auth0 = {
  MCP_AUTH_PROVIDER: "oauth_proxy",
  AUTH0_DOMAIN: "example.eu.auth0.com",
  AUTH0_CLIENT_ID: "us",
  AUTH0_CLIENT_SECRET: SECRET
}
const base = { MCP_BASE_URL: "https://mcp.example.com", GOOGLE_JWT_KEY: JWT_KEY }

describe("without a word about sign-in", () => {
  it("all that Google needs is named at once, with where to get it and what to do without", () => {
    const [problem = "", ...more] = refused({})
    assert.deepStrictEqual(more, [])
    assert.include(problem, "GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET and MCP_BASE_URL")
    assert.include(problem, "https://console.cloud.google.com/apis/credentials")
    assert.include(problem, "{MCP_BASE_URL}/auth/callback")
    assert.include(problem, "MCP_AUTH_PROVIDER=none")
  })

  it("variables of another provider lead to that provider", () => {
    const { MCP_AUTH_PROVIDER: _, ...variables } = auth0
    const [problem = ""] = refused({ ...variables, ...base })
    assert.include(
      problem,
      "AUTH0_DOMAIN, AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET: used with MCP_AUTH_PROVIDER=oauth_proxy"
    )
  })
})

describe("each provider", () => {
  const complete = { google: { ...google, ...base }, oidc: { ...oidc, ...base }, oauth_proxy: { ...auth0, ...base } }

  it.each(["google", "oidc", "oauth_proxy"] as const)(
    "%s runs with its variables, and without any of them not",
    (name) => {
      const env: Readonly<Record<string, string>> = complete[name]
      const needed = ["MCP_BASE_URL", ...ProviderSettings.required(name)]
      assert.strictEqual(allowed(env).mode._tag, "SignIn")
      fc.assert(
        fc.property(fc.subarray(needed, { minLength: 1 }), (left) => {
          const problems = refused(Object.fromEntries(Object.entries(env).filter(([key]) => !left.includes(key))))
          assert.strictEqual(problems.length, 1)
          const named = /needs (.*?) to be set/u.exec(problems[0] ?? "")?.[1] ?? ""
          assert.sameMembers(named.split(/, | and /u), left)
        })
      )
    }
  )

  it("google is the default, listens everywhere and says nothing if all is well", () => {
    const exposure = allowed({ ...google, ...base })
    assert.strictEqual(exposure.host, "0.0.0.0")
    assert.strictEqual(exposure.baseUrl, "https://mcp.example.com")
    assert.deepStrictEqual(exposure.warnings, [])
    assert.deepStrictEqual(exposure.mode, {
      _tag: "SignIn",
      provider: { _tag: "Google", clientId: google.GOOGLE_CLIENT_ID, clientSecret: Redacted.make(SECRET) }
    })
  })

  it("oauth_proxy is OpenID Connect at the tenant", () => {
    const { mode } = allowed({
      ...auth0,
      ...base,
      AUTH0_DOMAIN: "https://Example.eu.auth0.com/",
      AUTH0_AUDIENCE: "https://api"
    })
    assert.deepStrictEqual(mode, {
      _tag: "SignIn",
      provider: {
        _tag: "Oidc",
        name: "Auth0",
        issuer: "https://example.eu.auth0.com/",
        clientId: "us",
        clientSecret: Redacted.make(SECRET),
        audience: Option.some("https://api")
      }
    })
  })

  it("shows no secret, whatever is done with the outcome", () => {
    assert.notInclude(JSON.stringify(allowed({ ...google, ...base })), SECRET)
    assert.notInclude(JSON.stringify(allowed({ ...google, ...base })), JWT_KEY)
  })

  it("whose variables are set for nothing is named", () => {
    const { warnings } = allowed({ ...google, ...base, AUTH0_DOMAIN: "a.auth0.com", AUTH0_AUDIENCE: "x" })
    assert.strictEqual(warnings.length, 1)
    assert.include(warnings[0], "AUTH0_DOMAIN and AUTH0_AUDIENCE")
    assert.include(warnings[0], "MCP_AUTH_PROVIDER=oauth_proxy")
    assert.strictEqual(allowed({ ...google, MCP_DISABLE_AUTH: "true" }).warnings.length, 2)
  })
})

describe("MCP_BASE_URL", () => {
  it("loses its slashes at the end", () => {
    assert.strictEqual(
      allowed({ ...google, ...base, MCP_BASE_URL: "https://x.example.com/a//" }).baseUrl,
      "https://x.example.com/a"
    )
  })

  it.each(["http://localhost:8080", "http://127.0.0.1:1", "http://127.8.7.6", "http://[::1]:8080"])(
    "%s may do without TLS, and without GOOGLE_JWT_KEY",
    (url) => {
      assert.deepStrictEqual(allowed({ ...google, MCP_BASE_URL: url }).warnings, [])
    }
  )

  it.each(["http://mcp.example.com", "http://10.0.0.1:8080", "http://localhost.example.com", "http://0.0.0.0:8080"])(
    "%s may not",
    (url) => {
      for (const provider of [google, oidc, auth0]) {
        const [problem = ""] = refused({ ...provider, ...base, MCP_BASE_URL: url, MCP_ALLOW_INSECURE: "true" })
        assert.include(problem, "MCP_BASE_URL has to begin with https://")
      }
    }
  )

  it("with the path that MCP_PATH_PREFIX has is refused, in every mode; another path is not", () => {
    for (const provider of [google, oidc, { MCP_AUTH_PROVIDER: "demo" }, { MCP_AUTH_PROVIDER: "none" }]) {
      const env = { ...provider, ...base, MCP_BASE_URL: "https://x.example.com/a/" }
      const [problem = ""] = refused({ ...env, MCP_PATH_PREFIX: "a" })
      assert.include(problem, "MCP_BASE_URL ends in /a, and MCP_PATH_PREFIX is /a too")
      assert.isTrue(Result.isSuccess(decide({ ...env, MCP_PATH_PREFIX: "b" })))
      assert.isTrue(Result.isSuccess(decide(env)))
    }
  })

  it("appears in the callback to register, with the prefix", () => {
    const env = { MCP_BASE_URL: "https://x.example.com/a", MCP_PATH_PREFIX: "/b" }
    assert.include(refused(env)[0], "https://x.example.com/a/b/auth/callback")
  })
})

describe("keys", () => {
  it("made from the client secret are warned of, where others than this machine are served", () => {
    const { warnings } = allowed({ ...google, MCP_BASE_URL: "https://mcp.example.com" })
    assert.strictEqual(warnings.length, 1)
    assert.include(warnings[0], "GOOGLE_JWT_KEY is not set")
    assert.include(warnings[0], "openssl rand -hex 32")
  })

  it("that are short are warned of, and those too short refused, beside all other problems", () => {
    assert.include(allowed({ ...google, ...base, GOOGLE_JWT_KEY: "k".repeat(31) }).warnings[0], "shorter than 32")
    const short = allowed({
      ...google,
      MCP_BASE_URL: "https://x.example",
      GOOGLE_CLIENT_SECRET: "k".repeat(31)
    }).warnings.at(-1)
    // Nobody makes a client secret: it is the provider's.
    assert.match(short ?? "", /GOOGLE_CLIENT_SECRET.* shorter than 32 characters\. Set GOOGLE_JWT_KEY\. Make one with/u)
    const problems = refused({
      ...oidc,
      OIDC_ISSUER: "http://id.example.com",
      OIDC_CLIENT_SECRET: "short",
      MCP_BASE_URL: "http://mcp.example.com/a",
      MCP_PATH_PREFIX: "a",
      MCP_ACCESS_TOKEN_TTL: "0",
      MCP_REFRESH_TOKEN_TTL: "0"
    })
    const named = ["MCP_BASE_URL has", "OIDC_ISSUER", "MCP_BASE_URL ends", "MCP_ACCESS_TOKEN_TTL", "OIDC_CLIENT_SECRET"]
    assert.strictEqual(problems.length, named.length)
    for (const [index, name] of named.entries()) assert.include(problems[index], name)
  })

  it("are the client secret's own for a provider, and a file's without one", () => {
    const source = (env: Readonly<Record<string, string>>) => {
      const { origin } = allowed(env).keys
      return origin._tag === "Text" ? Redacted.value(origin.secret) : origin._tag
    }
    assert.strictEqual(source({ ...google, MCP_BASE_URL: "http://localhost" }), SECRET)
    assert.strictEqual(source({ ...google, ...base }), JWT_KEY)
    assert.strictEqual(source({ MCP_AUTH_PROVIDER: "none" }), "File")
    assert.strictEqual(source({ MCP_AUTH_PROVIDER: "demo", ...google }), "File")
    assert.strictEqual(source({ MCP_AUTH_PROVIDER: "none", GOOGLE_JWT_KEY: JWT_KEY }), JWT_KEY)
  })
})

describe("with sign-in switched off", () => {
  it.each([
    { MCP_AUTH_PROVIDER: "none" },
    { MCP_DISABLE_AUTH: "true" },
    { MCP_DISABLE_AUTH: "true", MCP_AUTH_PROVIDER: "google" }
  ])("%j: it listens on this machine only", (env) => {
    assert.deepStrictEqual(allowed(env), {
      host: "127.0.0.1",
      baseUrl: "http://localhost:8080",
      mode: { _tag: "None" },
      keys: KeySource.file,
      warnings: ["No sign-in: every program on this machine can use every tool (MCP_AUTH_PROVIDER=none)"]
    })
  })

  it("it is known by the address that is set, or by localhost and its port", () => {
    assert.strictEqual(allowed({ MCP_DISABLE_AUTH: "1", MCP_BASE_URL: "https://x" }).baseUrl, "https://x")
    assert.strictEqual(allowed({ MCP_DISABLE_AUTH: "1", MCP_PORT: "9" }).baseUrl, "http://localhost:9")
  })
})

describe.each(["none", "demo"])("where nobody proves who they are (%s)", (provider) => {
  it.each(["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])("it may listen on %s", (host) => {
    assert.strictEqual(allowed({ MCP_AUTH_PROVIDER: provider, MCP_HOST: host }).host, host)
  })

  it.each(["0.0.0.0", "::", "192.168.1.2", "example.com", "localhost.example.com"])(
    "it does not listen on %s, which others reach, and says both ways out",
    (host) => {
      const [reason = ""] = refused({ MCP_AUTH_PROVIDER: provider, MCP_HOST: host })
      assert.include(reason, `MCP_HOST=${host}`)
      assert.include(reason, "MCP_ALLOW_INSECURE=true")
      assert.include(reason, "Leave MCP_HOST unset")
    }
  )

  it("it listens there where its owner insists, and warns of just that", () => {
    const exposure = allowed({ MCP_AUTH_PROVIDER: provider, MCP_HOST: "0.0.0.0", MCP_ALLOW_INSECURE: "true" })
    assert.strictEqual(exposure.host, "0.0.0.0")
    assert.include(exposure.warnings[0], "reachable on 0.0.0.0")
    assert.include(exposure.warnings[0], "MCP_ALLOW_INSECURE")
  })

  it("that insistence does not by itself open anything", () => {
    assert.strictEqual(allowed({ MCP_AUTH_PROVIDER: provider, MCP_ALLOW_INSECURE: "true" }).host, "127.0.0.1")
  })

  it("whatever else is set, it is warned of, and open only to this machine or on insistence", () => {
    const any = fc.record(
      {
        MCP_HOST: fc.constantFrom("127.0.0.1", "localhost", "0.0.0.0", "10.1.2.3", "::"),
        MCP_BASE_URL: fc.constantFrom("http://localhost:1", "https://x.example.com", "http://x.example.com/a"),
        MCP_PATH_PREFIX: fc.constantFrom("a", "b"),
        MCP_ALLOW_INSECURE: fc.constantFrom("true", "false"),
        GOOGLE_JWT_KEY: fc.constantFrom(JWT_KEY, "0123456789abcdef"),
        GOOGLE_CLIENT_ID: fc.constant("x")
      },
      { requiredKeys: [] }
    )
    fc.assert(
      fc.property(any, (env) => {
        const decided = decide({ ...env, MCP_AUTH_PROVIDER: provider })
        if (Result.isFailure(decided)) return assert.isAbove(decided.failure.length, 0)
        assert.isTrue(isLoopback(decided.success.host) || env.MCP_ALLOW_INSECURE === "true")
        assert.isAbove(decided.success.warnings.length, 0)
      })
    )
  })
})

describe("a socket that was handed over", () => {
  const loopback = { host: "127.0.0.1", port: 9000 }
  const open = { host: "0.0.0.0", port: 9000 }
  const none = { MCP_AUTH_PROVIDER: "none", MCP_HOST: "127.0.0.1", MCP_PORT: "8080" }

  it("counts in place of MCP_HOST and MCP_PORT, also for the address that clients are told", () => {
    const exposure = Result.getOrThrow(decide({ ...none, MCP_HOST: "0.0.0.0" }, loopback))
    assert.deepStrictEqual([exposure.host, exposure.baseUrl], ["127.0.0.1", "http://localhost:9000"])
    const known = Result.getOrThrow(decide({ ...google, ...base, MCP_HOST: "127.0.0.1" }, open))
    assert.deepStrictEqual([known.host, known.baseUrl], ["0.0.0.0", "https://mcp.example.com"])
  })

  it("that others can reach is refused without sign-in, whatever MCP_HOST says, unless that is wanted", () => {
    for (const provider of ["none", "demo"]) {
      const env = { ...none, MCP_AUTH_PROVIDER: provider }
      const [problem = ""] = Result.getOrThrow(Result.flip(decide(env, open)))
      assert.match(problem, /^The socket that was handed over, on 0\.0\.0\.0, lets others reach .*ListenStream=/u)
      assert.isTrue(Result.isSuccess(decide({ ...env, MCP_ALLOW_INSECURE: "true" }, open)))
    }
  })

  it("of the file system is this machine's, and has no port", () => {
    const exposure = Result.getOrThrow(decide(none, { host: "localhost", port: undefined }))
    assert.strictEqual(exposure.baseUrl, "http://localhost")
  })
})
