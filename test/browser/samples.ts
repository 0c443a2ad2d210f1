/** One model of every page, and those that strain it. */
import { accountPage, type AccountModel } from "../../src/auth/pages/AccountPage.ts"
import { consentPage, type ConsentModel } from "../../src/auth/pages/ConsentPage.ts"
import { type DemoLoginModel, demoLoginPage } from "../../src/auth/pages/DemoLoginPage.ts"
import { errorPage, type ErrorModel } from "../../src/auth/pages/ErrorPage.ts"
import * as SignInErrors from "../../src/auth/pages/SignInErrors.ts"
import { homePage } from "../../src/http/HomeRoutes.ts"
import type { Forms } from "../../src/html/Page.ts"

export const site = { name: "Example tools", host: "mcp.example.com" }

export const vouched: ConsentModel = {
  site,
  clientName: "Claude",
  clientId: "https://claude.ai/oauth/mcp-oauth-client-metadata",
  voucher: { _tag: "Host", host: "claude.ai" },
  destination: { _tag: "Site", host: "claude.ai" },
  redirectUri: "https://claude.ai/api/mcp/auth_callback",
  scopes: ["mcp", "offline_access"],
  provider: "Google",
  action: "/consent",
  hidden: [
    { name: "transaction", value: "t-123" },
    { name: "csrf", value: "c-456" }
  ]
}

export const loopback: ConsentModel = {
  ...vouched,
  clientName: "Claude Code",
  clientId: "https://claude.ai/oauth/claude-code-client-metadata",
  destination: { _tag: "Loopback", host: "127.0.0.1:54321" },
  redirectUri: "http://127.0.0.1:54321/callback"
}

export const unverified: ConsentModel = {
  ...vouched,
  clientName: "Claude ✓ verified",
  clientId: "8d3c6b3e-1f5a-4a0f-9c3a-6f3d0f8d2b11",
  voucher: { _tag: "Nobody" },
  destination: { _tag: "Site", host: "claude-login.example" },
  redirectUri: "https://claude-login.example/callback"
}

export const app: ConsentModel = {
  ...unverified,
  clientName: "Cursor",
  destination: { _tag: "App", scheme: "cursor" },
  redirectUri: "cursor://anysphere.cursor-mcp/oauth/callback"
}

export const nameless: ConsentModel = { ...unverified, clientName: "\u200B\u202E \u3164" }

export const otherAccount: ConsentModel = {
  ...vouched,
  account: "ann@example.com",
  previousAccount: "ann.private@mail.example",
  notes: ["Example Ltd keeps a record of every call for 90 days."]
}

const longHost = `${"very-long-label-".repeat(4)}.${"a".repeat(60)}.${"b".repeat(60)}.example`

/** Everything that a program may say of itself, at its worst. */
export const hostile: ConsentModel = {
  ...app,
  site: { name: "W".repeat(80), host: longHost },
  clientName: `</title><script>alert(1)</script>\u202Egnihtemos ${"W".repeat(200)} ﷽ ${"o" + "\u0336\u0489".repeat(40)}`,
  clientId: `https://${longHost}/${"x".repeat(300)}`,
  destination: { _tag: "Site", host: longHost },
  redirectUri: `https://${longHost}/${"%20".repeat(150)}"><img src=x onerror=alert(1)>`,
  scopes: ["mcp", "offline_access", `<b>${"scope".repeat(40)}`],
  account: `${"a".repeat(200)}@example.com`,
  previousAccount: `"><svg onload=alert(1)>@${longHost}`
}

export const rightToLeft: ConsentModel = { ...unverified, clientName: "مساعد البرمجة (v2.0)" }

export const account: AccountModel = {
  site,
  email: "ann@example.com",
  name: "Ann Example",
  roles: ["engineer", "on-call"],
  servers: [
    {
      name: "github",
      tools: ["github_create_issue", "github_get_file_contents", "github_list_pull_requests", "github_search_code"],
      prompts: ["github_review"],
      resources: 2
    },
    { name: "files", tools: ["files_read_file"], prompts: [], resources: 0 },
    { name: "jira", tools: [], prompts: [], resources: 0, note: "It cannot be reached at present." }
  ],
  programs: [
    {
      clientName: "Claude",
      voucher: { _tag: "Host", host: "claude.ai" },
      destination: { _tag: "Site", host: "claude.ai" },
      allowedAt: 1_795_000_000_000,
      hidden: [{ name: "consent", value: "1" }]
    },
    {
      clientName: "Cursor",
      voucher: { _tag: "Nobody" },
      destination: { _tag: "App", scheme: "cursor" },
      allowedAt: 1_794_000_000_000,
      hidden: [{ name: "consent", value: "2" }]
    }
  ],
  connect: {
    url: "https://mcp.example.com/mcp",
    claudeCode: "claude mcp add --transport http mcp-proxy https://mcp.example.com/mcp",
    json: JSON.stringify({ mcpServers: { "mcp-proxy": { type: "http", url: "https://mcp.example.com/mcp" } } }, null, 2)
  },
  hidden: [{ name: "csrf", value: "c-456" }],
  revokeAction: "/account/revoke",
  signOutAction: "/account/sign-out"
}

export const hostileAccount: AccountModel = {
  ...account,
  name: `<h1>${"W".repeat(300)}\u202E`,
  email: `${"a".repeat(200)}@example.com`,
  roles: ["x".repeat(200)],
  servers: [{ name: "s".repeat(300), tools: ["t".repeat(128)], prompts: ["<b>"], resources: 1, note: "n".repeat(900) }],
  programs: account.programs.map((program) => ({ ...program, clientName: hostile.clientName })),
  connect: { ...account.connect, url: `https://${longHost}/mcp` }
}

export const emptyAccount: AccountModel = { ...account, roles: [], servers: [], programs: [] }

export const demo: DemoLoginModel = {
  site: { name: "localhost:8080", host: "localhost:8080" },
  action: "/auth/callback",
  hidden: [{ name: "state", value: "s-789" }]
}

export const demoAgain: DemoLoginModel = {
  ...demo,
  suggestion: '" onfocus="alert(1)',
  problem: "A name needs a letter."
}

/** Every way in which a sign-in can end early. */
export const errors: Readonly<Record<string, SignInErrors.SignInError>> = {
  "unknown-client": SignInErrors.unknownClient,
  "redirect-not-registered": SignInErrors.redirectNotRegistered,
  "bad-request": SignInErrors.badRequest("code_challenge is missing"),
  expired: SignInErrors.expired,
  "other-browser": SignInErrors.otherBrowser,
  cancelled: SignInErrors.cancelled("Google"),
  refused: SignInErrors.refused("Google", "The answer was made for another application."),
  "not-admitted": SignInErrors.notAdmitted("ann@example.com"),
  "email-not-verified": SignInErrors.emailNotVerified("Google", "ann@example.com"),
  "provider-unavailable": SignInErrors.providerUnavailable("Google"),
  "server-error": SignInErrors.serverError,
  "too-many-requests": SignInErrors.tooManyRequests(30)
}

const errorModel = (error: SignInErrors.SignInError): ErrorModel => ({ site, error, reference: "7KQF-2M9D" })

export const hostileError: ErrorModel = {
  ...errorModel(SignInErrors.notAdmitted(`<img src=x>${"a".repeat(300)}@example.com`)),
  reference: "R".repeat(80),
  details: [{ label: "Address", value: hostile.redirectUri }],
  link: { href: "/auth/login", text: "Sign in with another account" }
}

/** A page as it is sent. */
export interface Sample {
  readonly document: string
  readonly forms: Forms
}

const sample = (path: string, forms: Forms, document: string) => [path, { document, forms }] as const

/** By the path under which it is served. */
export const samples: ReadonlyMap<string, Sample> = new Map([
  ...Object.entries({ vouched, loopback, unverified, app, nameless, otherAccount, hostile, rightToLeft }).map(
    ([name, model]) => sample(`/consent/${name}`, "onward", consentPage(model))
  ),
  ...Object.entries({ account, hostileAccount, emptyAccount }).map(([name, model]) =>
    sample(`/account/${name}`, "here", accountPage(model))
  ),
  sample("/home", "none", homePage({ host: "", port: 0, baseUrl: "https://mcp.example.com", pathPrefix: "/gateway" })),
  sample("/demo/first", "onward", demoLoginPage(demo)),
  sample("/demo/again", "onward", demoLoginPage(demoAgain)),
  ...Object.entries(errors).map(([name, error]) => sample(`/error/${name}`, "none", errorPage(errorModel(error)))),
  sample("/error/hostile", "none", errorPage(hostileError))
])
