/** How complaints about the configuration are put. */
import { assert, describe, it } from "@effect/vitest"
import * as Problem from "../../src/config/Problem.ts"

describe("a path", () => {
  it.each([
    [["mcpServers", "github", "url"], "mcpServers.github.url"],
    [["mcpServers", "github", "args", 0], "mcpServers.github.args[0]"],
    [["mcpServers", "my-server", "env", "A_B"], "mcpServers.my-server.env.A_B"],
    [["mcpServers", "github.com/x/y"], 'mcpServers["github.com/x/y"]'],
    [["mcpServers", 'a"b', "url"], 'mcpServers["a\\"b"].url'],
    [["mcpServers", "", "url"], 'mcpServers[""].url'],
    [[], ""]
  ] satisfies ReadonlyArray<readonly [Problem.Path, string]>)("%j is written %s", (path, expected) => {
    assert.strictEqual(Problem.dotted(path), expected)
  })
})

describe("a complaint", () => {
  it("names the path, what is wrong, and the line where it is known", () => {
    assert.strictEqual(Problem.format({ path: "a.b", message: "is missing", line: 7 }), "a.b: is missing (line 7)")
    assert.strictEqual(Problem.format({ path: "a.b", message: "is missing", line: undefined }), "a.b: is missing")
    assert.strictEqual(
      Problem.format({ path: "", message: "expected an object", line: 1 }),
      "expected an object (line 1)"
    )
  })
})
