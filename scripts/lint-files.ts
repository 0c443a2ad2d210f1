/** Lints the files around the code: the Dockerfile, compose.yaml and every workflow. Any finding fails. */
import { validateWorkflow, type ValidationError } from "@action-validator/core"
import { DCLinter } from "dclint"
import { validate } from "dockerfile-utils"
import { globSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename } from "node:path"
import * as Dockerfile from "./dockerfile.ts"
import { isMain } from "./isMain.ts"

export interface Finding {
  readonly file: string
  readonly line: number
  readonly message: string
}

interface Place {
  readonly line: number
  readonly message: string
}

const lintDockerfile = (text: string): ReadonlyArray<Place> => [
  ...validate(text).map(({ message, range }) => ({
    line: range.start.line + 1,
    message: typeof message === "string" ? message : message.value
  })),
  ...Dockerfile.broken(text)
]

/** As much as is needed here of the YAML reader that dclint brings along. */
interface Yaml {
  readonly LineCounter: new () => { readonly linePos: (offset: number) => { readonly line: number } }
  readonly parseDocument: (text: string, options: { readonly lineCounter: unknown }) => { readonly contents: unknown }
}

interface Node {
  readonly range?: readonly [number, number, number]
  readonly items?: ReadonlyArray<Node & { readonly key?: Node & { readonly value?: unknown }; readonly value?: Node }>
}

const yaml: Yaml = createRequire(createRequire(import.meta.url).resolve("dclint"))("yaml")

/** The line of a JSON pointer in a YAML text; of the nearest ancestor where there is none. */
const lineOf = (text: string, pointer: string): number => {
  const lineCounter = new yaml.LineCounter()
  let node = yaml.parseDocument(text, { lineCounter }).contents as Node | undefined
  let offset = 0
  for (const part of pointer.split("/").slice(1)) {
    const pair = node?.items?.find(({ key }) => String(key?.value) === part)
    const item = pair ?? (/^\d+$/u.test(part) ? node?.items?.[Number(part)] : undefined)
    if (item === undefined) break
    offset = (pair?.key ?? item).range?.[0] ?? offset
    node = pair === undefined ? item : pair.value
  }
  return lineCounter.linePos(offset).line
}

const compose = new DCLinter({
  rules: { "require-quotes-in-ports": [1, { quoteType: "double" }] },
  quiet: false,
  debug: false,
  exclude: []
})

/** dclint's own types do not resolve; this is what is used of them. */
interface ComposeResult {
  readonly messages: ReadonlyArray<Place & { readonly rule: string }>
}

/** That a file breaks the schema is reported without its line, but with a path. */
const INVALID = /instancePath="([^"]*)".*message="Validation error: (.*)"\.$/u

const lintCompose = (file: string, text: string): ReadonlyArray<Place> =>
  (compose.lintFiles([file], false) as ReadonlyArray<ComposeResult>).flatMap(({ messages }) =>
    messages.map(({ line, message, rule }) => {
      const [, path, reason] = INVALID.exec(message) ?? []
      return path === undefined
        ? { line, message: `${message} (${rule})` }
        : { line: lineOf(text, path), message: `${path}: ${reason} (${rule})` }
    })
  )

/** Of alternatives, what is wrong with the one that was most likely meant: that with the fewest complaints. */
const flatten = (error: ValidationError): ReadonlyArray<ValidationError> => {
  const alternatives = "states" in error ? (error.states ?? []) : []
  const likely = alternatives
    .map(({ errors }) => errors.flatMap(flatten))
    .reduce<ReadonlyArray<ValidationError> | undefined>(
      (best, one) => (best !== undefined && best.length <= one.length ? best : one),
      undefined
    )
  return likely ?? [error]
}

const lintWorkflow = (text: string): ReadonlyArray<Place> =>
  validateWorkflow(text)
    .errors.flatMap(flatten)
    .map((error) => {
      const path = "path" in error ? error.path : ""
      const at = "location" in error ? error.location?.line : undefined
      return {
        line: at ?? lineOf(text, path),
        message: `${path === "" ? "" : `${path}: `}${error.title}${error.detail === undefined ? "" : `: ${error.detail}`}`
      }
    })

/** What is wrong with one file, by the linter that its name calls for. */
export const lint = (file: string): ReadonlyArray<Finding> => {
  const name = basename(file)
  const text = readFileSync(file, "utf8")
  const places =
    name === "Dockerfile"
      ? lintDockerfile(text)
      : name === "compose.yaml"
        ? lintCompose(file, text)
        : lintWorkflow(text)
  return places.map(({ line, message }) => ({ file, line, message }))
}

/** All of the project's. */
export const files = (): ReadonlyArray<string> => [
  "Dockerfile",
  "compose.yaml",
  ...globSync(".github/workflows/*.{yml,yaml}")
]

if (isMain(import.meta)) {
  const findings = files().flatMap(lint)
  for (const { file, line, message } of findings) console.error(`${file}:${line}: ${message}`)
  console.log(`files: ${files().join(", ")}: ${findings.length} findings`)
  if (findings.length > 0) process.exitCode = 1
}
