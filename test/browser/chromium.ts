/** A real browser: Chromium as the machine has it, gone with its scope. Where there is none, `chromium` is undefined. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { type Browser, type BrowserContextOptions, chromium as engine, type Page } from "playwright-core"

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]

const found = (): string | undefined => {
  const named = process.env["MCP_TEST_CHROMIUM"] ?? ""
  if (named !== "") return named
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"].filter((folder) => folder !== "")
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/** Where Chromium is: `MCP_TEST_CHROMIUM`, or the first one on the PATH. Tests that need it: `it.skipIf(!chromium)`. */
export const chromium: string | undefined = found()

if (chromium === undefined) {
  console.warn("No Chromium here: tests in a browser are skipped. Install one, or name it in MCP_TEST_CHROMIUM.")
}

/**
 * Without a sandbox it runs as root and in containers; without the others it waits for a network that may be closed.
 * Whatever is named `….test` is on this machine.
 */
const ARGUMENTS = [
  "--host-resolver-rules=MAP *.test 127.0.0.1",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** A browser with a profile of its own, which nobody has used and nobody will. */
export const launch: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() =>
    engine.launch({
      ...(chromium === undefined ? {} : { executablePath: chromium }),
      args: ARGUMENTS,
      // The scope ends it; signals are the test runner's.
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false
    })
  ),
  (browser) => Effect.promise(() => browser.close())
)

/** One visitor: cookies of their own, one tab, and all that the browser complained of. */
export interface Visitor {
  readonly page: Page
  /** Errors and warnings of the console, violations of policies and exceptions among them, since the last `forget`. */
  readonly complaints: () => ReadonlyArray<string>
  readonly forget: () => void
}

/** A visitor, with the screen, the preferences and the abilities that are asked for. */
export const visitor = (
  browser: Browser,
  options: BrowserContextOptions = {}
): Effect.Effect<Visitor, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newContext(options)),
      (context) => Effect.promise(() => context.close())
    )
    const page = yield* Effect.promise(() => context.newPage())
    const complaints: Array<string> = []
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`)
    })
    context.on("weberror", (error) => complaints.push(`exception: ${error.error().message}`))
    return { page, complaints: () => [...complaints], forget: () => complaints.splice(0) }
  })
