/** Writes .env.example from the settings of every room; with --check, compares. */
import { groups } from "../src/cli/AllSettings.ts"
import type { Setting } from "../src/settings/Setting.ts"
import { settle } from "./generated.ts"
import { isMain } from "./isMain.ts"

const COLUMNS = 100

const INTRODUCTION =
  "Every variable that the MCP Proxy Server reads, with its default. Copy this file to .env and change what you need; what is set in the environment wins over .env. An empty value means: not set."

/** What each room's variables are about. */
const HEADINGS: Readonly<Record<keyof typeof groups, string>> = {
  config: "Configuration file",
  http: "Address and network",
  auth: "Sign-in",
  providers: "Providers",
  machines: "Programs that cannot sign in",
  keys: "Keys",
  access: "Who may do what",
  audit: "Who did what",
  gateway: "Gateway",
  parking: "Calls that wait for answers",
  rate: "How often one owner may ask",
  calls: "Calls of one owner",
  sessions: "Sessions in memory",
  streams: "Event streams",
  bounds: "Sizes",
  upstream: "Upstream servers",
  fleet: "Changed configurations",
  storage: "State",
  log: "Log",
  otel: "OpenTelemetry"
}

/** A text as comment lines. */
export const comment = (text: string): string => {
  const lines = [""]
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? ""
    if (line !== "" && line.length + word.length + 3 > COLUMNS) lines.push(word)
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`
  }
  return lines.map((line) => `# ${line}`).join("\n")
}

const section = (heading: string, settings: ReadonlyArray<Setting<unknown>>): string =>
  [
    `# ${`--- ${heading} `.padEnd(COLUMNS - 2, "-")}`,
    ...settings.map(({ description, fallback, name }) => `${comment(description)}\n${name}=${fallback}`)
  ].join("\n\n")

/** The text of the file. */
export const text = (): string => {
  const rooms = Object.entries(groups).map(([room, settings]) =>
    section(HEADINGS[room as keyof typeof groups], Object.values(settings))
  )
  return `${[comment(INTRODUCTION), ...rooms].join("\n\n")}\n`
}

if (isMain(import.meta)) settle(".env.example", text(), "npm run env-example")
