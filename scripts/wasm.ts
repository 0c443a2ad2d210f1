/** Compiles src/domain/JsonString.wat into a module of its base64; with --check, compares. */
import { readFileSync } from "node:fs"
import wabt from "wabt"
import { settle } from "./generated.ts"
import { isMain } from "./isMain.ts"

const SOURCE = "src/domain/JsonString.wat"

/** The text of the module. Throws where the source is no WebAssembly, naming the line. */
export const text = async (source: string): Promise<string> => {
  const { parseWat } = await wabt()
  const compiled = parseWat(SOURCE, source, { simd: true })
  try {
    compiled.validate()
    const { buffer } = compiled.toBinary({})
    const lines =
      Buffer.from(buffer)
        .toString("base64")
        .match(/.{1,100}/gu) ?? []
    return [
      "/** JsonString.wat, compiled: `npm run wasm` writes it. Base64. */",
      "export const MODULE =",
      lines.map((line) => `  "${line}"`).join(" +\n"),
      ""
    ].join("\n")
  } finally {
    compiled.destroy()
  }
}

if (isMain(import.meta)) {
  settle("src/domain/JsonStringModule.ts", await text(readFileSync(SOURCE, "utf8")), "npm run wasm")
}
