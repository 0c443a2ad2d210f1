/** What a sign-in in a browser needs around it: a proxy of its own process, programs to come from and to go back to. */
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { readyProxy, type RunningProxy } from "../integration/harness.ts"
import { knock, type Program, raw, redeem, register, request } from "../integration/signIn.ts"
import { launch, type Visitor, visitor } from "./chromium.ts"
import { webSite, type WebSite } from "./site.ts"

/** One proxy with the demo's sign-in, and one browser, for all tests of a file; each test has visitors of its own. */
export class Scene extends Context.Service<
  Scene,
  { readonly proxy: RunningProxy; readonly issuer: string; readonly url: string; readonly browser: Browser }
>()("test/browser/Scene") {}

export const layer: Layer.Layer<Scene> = Layer.effect(
  Scene,
  Effect.gen(function* () {
    const proxy = yield* readyProxy({ config: { mcpServers: { raw } }, env: { MCP_AUTH_PROVIDER: "demo" } })
    return Scene.of({
      proxy,
      issuer: `http://localhost:${proxy.port}`,
      url: `http://localhost:${proxy.port}/mcp`,
      browser: yield* launch
    })
  })
)

/** Somebody with a browser. */
export const somebody = (options: BrowserContextOptions = {}): Effect.Effect<Visitor, never, Scope.Scope | Scene> =>
  Effect.flatMap(Scene, ({ browser }) => visitor(browser, { ignoreHTTPSErrors: true, ...options }))

/** Where a program awaits its answer: a port of this machine, or a web site. */
export const receiver = (name?: "client.test" | "other.test"): Effect.Effect<WebSite, never, Scope.Scope> =>
  webSite(() => ({ body: '<!doctype html><html lang="en"><title>Back</title><h1>Welcome back</h1></html>' }), name)

/** A program that has registered under this name, with its request. */
export const program = Effect.fnUntraced(function* (name: string, redirectUri: string) {
  const { issuer } = yield* Scene
  const { body } = yield* register(issuer, { client_name: name, redirect_uris: [redirectUri] })
  return request(issuer, String(body["client_id"]), redirectUri)
})

/** The access token that an answer is worth. */
export const tokenFor = Effect.fnUntraced(function* (by: Program, answer: URL) {
  const { body, status } = yield* redeem(yield* Scene, by, answer)
  assert.strictEqual(status, 200, JSON.stringify(body))
  return String(body["access_token"])
})

/** What the endpoint answers to the token. */
export const knocked = (token: string) =>
  Effect.flatMap(Scene, ({ url }) => Effect.map(knock(url, token), ({ status }) => status))

/** The answer that a program is given with a code; it is for its request, and from this proxy. */
export const assertCode = (answer: URL, issuer: string): void => {
  assert.isString(answer.searchParams.get("code"))
  assert.strictEqual(answer.searchParams.get("state"), "state-of-the-program")
  assert.strictEqual(answer.searchParams.get("iss"), issuer)
}

/** The answer that a program is given where the person said no. */
export const assertDenied = (answer: URL, issuer: string): void => {
  const said = answer.searchParams
  assert.deepStrictEqual(
    [said.get("error"), said.get("state"), said.get("iss"), said.get("code")],
    ["access_denied", "state-of-the-program", issuer, null]
  )
}

/** The browser has complained of nothing but these HTTP statuses, which our error pages have. */
export const assertOnlyStatuses = (complaints: ReadonlyArray<string>, statuses: ReadonlyArray<number>): void => {
  const said = complaints.map((text) => Number(/responded with a status of (\d+)/u.exec(text)?.[1] ?? Number.NaN))
  assert.deepStrictEqual(said, statuses, complaints.join("\n"))
}

export const press = (page: Page, name: string): Promise<void> => page.getByRole("button", { name }).click()

export const heading = (page: Page): Promise<string | null> => page.getByRole("heading", { level: 1 }).textContent()

/** Types a name on the demo's page, and goes on. */
export const enter = async (page: Page, name: string): Promise<void> => {
  await page.getByLabel("Name").fill(name)
  await press(page, "Sign in")
}

/** From the consent page, or the login, back to the program. */
export const allow = async (page: Page, name: string, redirectUri: string): Promise<URL> => {
  await press(page, "Allow")
  await enter(page, name)
  return arrived(page, redirectUri)
}

/** Waits until the page is where the program awaits its answer. */
export const arrived = async (page: Page, redirectUri: string): Promise<URL> => {
  await page.waitForURL((url) => url.href.startsWith(`${redirectUri}?`))
  return new URL(page.url())
}
