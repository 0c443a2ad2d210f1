/** What a request says of itself, read and written. */
import { assert, describe, it } from "@effect/vitest"
import * as Envelope from "../../src/domain/Envelope.ts"
import * as Json from "../../src/domain/Json.ts"
import { META } from "../../src/domain/Protocol.ts"

const meta = (more: object = {}) => ({
  [META.protocolVersion]: "2026-07-28",
  [META.clientCapabilities]: {},
  ...more
})

describe("an envelope", () => {
  it("is read whole", () => {
    const capabilities = { elicitation: { form: {} }, extensions: { "a/b": { x: 1 } }, ours: 5 }
    const client = { name: "Client", version: "1", title: "The client" }
    const read = Envelope.read(
      meta({ [META.clientCapabilities]: capabilities, [META.clientInfo]: client, [META.logLevel]: "warning" })
    )
    assert.deepStrictEqual(read, {
      revision: "2026-07-28",
      capabilities,
      client: { name: "Client", version: "1" },
      logLevel: "warning"
    })
  })

  it("needs neither a name of the client nor a log level", () => {
    assert.deepStrictEqual(Envelope.read(meta()), {
      revision: "2026-07-28",
      capabilities: {},
      client: { name: "unnamed client" },
      logLevel: undefined
    })
  })

  const capabilities = (value: unknown) => meta({ [META.clientCapabilities]: value })
  it.each<readonly [string, unknown, RegExp]>([
    ["is no object", [], /protocolVersion.* must be a string/u],
    ["has no revision", { [META.clientCapabilities]: {} }, /protocolVersion.* must be a string/u],
    ["has a number for a revision", meta({ [META.protocolVersion]: 2026 }), /protocolVersion.* must be a string/u],
    ["has no capabilities", { [META.protocolVersion]: "2026-07-28" }, /clientCapabilities"\] must be an object/u],
    ["has a list of capabilities", capabilities([]), /clientCapabilities"\] must be an object/u],
    [
      "has a capability that is null",
      capabilities({ sampling: null }),
      /clientCapabilities"\]\.sampling is malformed/u
    ],
    ["has a capability that is a flag", capabilities({ roots: true }), /clientCapabilities"\]\.roots is malformed/u],
    [
      "has a mode of asking that is a flag",
      capabilities({ elicitation: { url: true } }),
      /clientCapabilities"\]\.elicitation is malformed/u
    ],
    [
      "has a way of sampling that is null",
      capabilities({ sampling: { tools: null } }),
      /clientCapabilities"\]\.sampling is malformed/u
    ],
    [
      "has an extension that is a flag",
      capabilities({ extensions: { "a/b": true } }),
      /clientCapabilities"\]\.extensions is malformed/u
    ],
    [
      "has an experiment that is a list",
      capabilities({ experimental: { x: [] } }),
      /clientCapabilities"\]\.experimental is malformed/u
    ],
    ["has a client of no name", meta({ [META.clientInfo]: { version: "1" } }), /clientInfo.* a name and a version/u],
    ["has a client of no version", meta({ [META.clientInfo]: { name: "x" } }), /clientInfo.* a name and a version/u],
    ["has null for a client", meta({ [META.clientInfo]: null }), /clientInfo.* a name and a version/u],
    ["has a progress token that is an object", meta({ progressToken: {} }), /progressToken must be/u],
    ["has an unknown log level", meta({ [META.logLevel]: "loud" }), /logLevel.* is no log level/u]
  ])("that %s is none, and is told why", (_, given, reason) => {
    const read = Envelope.read(given)
    assert.match(typeof read === "string" ? read : "read", reason)
  })

  const ours = { revision: "2026-07-28", capabilities: { roots: {} }, client: { name: "us", version: "4" } } as const

  it("of ours is read as it was written", () => {
    const envelope = { ...ours, logLevel: "error" } as const
    assert.deepStrictEqual(Envelope.read(Envelope.metaFor(envelope, {})), envelope)
  })

  it("of ours leaves what else is there, and lets no one speak for us", () => {
    const others = { progressToken: 7, traceparent: "00-1-2-00", "example.com/x": [1] }
    const forged = { [META.protocolVersion]: "1900-01-01", [META.clientInfo]: {}, [META.logLevel]: "debug" }
    const written = Json.encode(Envelope.metaFor({ ...ours, logLevel: undefined }, { ...forged, ...others }))
    assert.deepStrictEqual(Json.tryParse(written, { start: 0, end: written.length }), {
      ...others,
      [META.protocolVersion]: ours.revision,
      [META.clientInfo]: ours.client,
      [META.clientCapabilities]: ours.capabilities
    })
  })
})
