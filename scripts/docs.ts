/** Fills the tables of the documents from the sources; with --check, compares. */
import { readFileSync } from "node:fs"
import { families } from "../src/cli/AllMetrics.ts"
import { groups } from "../src/cli/AllSettings.ts"
import { KNOWN_KEYS, type Treatment } from "../src/config/KnownKeys.ts"
import * as JsonSchema from "../src/config/JsonSchema.ts"
import { settle } from "./generated.ts"
import { isMain } from "./isMain.ts"

const cell = (text: string): string => text.replaceAll("|", "\\|")

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n")

const code = (text: string): string => (text === "" ? "" : `\`${text}\``)

const settings = (): string =>
  table(
    ["variable", "default", "meaning"],
    Object.values(groups).flatMap((group) =>
      Object.values(group).map(({ description, fallback, name }) => [code(name), code(fallback), description])
    )
  )

interface Property {
  readonly description?: string
  readonly default?: unknown
  readonly type?: string
  readonly enum?: ReadonlyArray<string>
}

const shape = ({ enum: choices, type }: Property): string =>
  choices === undefined ? (type ?? "") : choices.map((choice) => code(choice)).join(", ")

/** The keys of one object of the JSON Schema. */
const keys = (definition: string): string => {
  const { $defs } = JsonSchema.make() as { $defs: Record<string, { properties: Record<string, Property> }> }
  return table(
    ["key", "value", "default", "meaning"],
    Object.entries($defs[definition]?.properties ?? {}).map(([name, property]) => [
      code(name),
      shape(property),
      property.default === undefined ? "" : code(JSON.stringify(property.default)),
      property.description ?? ""
    ])
  )
}

const explain = (treatment: Treatment): string => {
  switch (treatment._tag) {
    case "Honoured":
      return "honoured"
    case "Alias":
      return `honoured, as ${code(treatment.of)}`
    case "Ignored":
      return `accepted without effect: ${treatment.why}`
    case "Planned":
      return `planned: ${treatment.what}`
  }
}

const knownKeys = (): string =>
  table(
    ["key", "is"],
    Object.entries(KNOWN_KEYS).map(([key, known]) => {
      const treatments = Array.isArray(known) ? (known as ReadonlyArray<Treatment>) : [known as Treatment]
      return [code(key), [...new Set(treatments.map(explain))].join("; ")]
    })
  )

const metrics = (): string =>
  table(
    ["metric", "type", "labels", "meaning"],
    families.map(({ help, labels, name, type }) => [code(name), type, labels.map(code).join(", "), help])
  )

type Sections = Readonly<Record<string, () => string>>

/** By document. */
const DOCUMENTS: Readonly<Record<string, Sections>> = {
  "docs/configuration.md": {
    settings,
    server: () => keys("Server"),
    gateway: () => keys("Gateway"),
    "known keys": knownKeys
  },
  "docs/observability.md": { metrics }
}

/** The document with every marked section as the sources have it. */
const filled = (path: string, document: string, sections: Sections): string =>
  Object.entries(sections).reduce((text, [name, make]) => {
    const [begin, end] = [`<!-- begin: ${name} -->`, `<!-- end: ${name} -->`]
    const from = text.indexOf(begin)
    const to = text.indexOf(end)
    if (from < 0 || to < from) throw new Error(`${path} has no section "${name}"`)
    return `${text.slice(0, from + begin.length)}\n\n${make()}\n\n${text.slice(to)}`
  }, document)

if (isMain(import.meta)) {
  for (const [path, sections] of Object.entries(DOCUMENTS)) {
    settle(path, filled(path, readFileSync(path, "utf8"), sections), "npm run docs")
  }
}
