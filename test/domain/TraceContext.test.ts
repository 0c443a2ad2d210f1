/** Where in which trace a request stands (W3C Trace Context). */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as TraceContext from "../../src/domain/TraceContext.ts"

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length })

const nonZero = (length: number) => hex(length).filter((text) => !/^0+$/u.test(text))

const contexts: fc.Arbitrary<TraceContext.TraceContext> = fc.record({
  traceId: nonZero(32),
  spanId: nonZero(16),
  sampled: fc.boolean(),
  state: fc.option(fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 512 }), { nil: undefined })
})

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const SPAN = "00f067aa0ba902b7"

describe("a trace context", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(contexts, (context) => {
        assert.deepStrictEqual(TraceContext.parse(TraceContext.parentOf(context), context.state), context)
      })
    )
  })

  it.each([
    ["00", "01", true],
    ["00", "00", false],
    ["00", "03", true],
    ["00", "fe", false],
    // Later versions may say more, after what this one says.
    ["01", "01-more", true],
    ["cc", "01", true]
  ])("of version %s with flags %s is kept: %s", (version, flags, sampled) => {
    const expected = { traceId: TRACE, spanId: SPAN, sampled, state: undefined }
    assert.deepStrictEqual(TraceContext.parse(`${version}-${TRACE}-${SPAN}-${flags}`, undefined), expected)
  })

  it.each([
    undefined,
    null,
    5,
    "",
    "garbage",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-1`,
    `ff-${TRACE}-${SPAN}-01`,
    `0-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-01\r\nx: y`,
    ` 00-${TRACE}-${SPAN}-01`,
    [`00-${TRACE}-${SPAN}-01`],
    { toString: () => `00-${TRACE}-${SPAN}-01` }
  ])("is not %o", (parent) => {
    assert.isUndefined(TraceContext.parse(parent, "a=b"))
  })

  it.each(["", "x".repeat(513), "a=b\r\nset-cookie: x", "a=é", 5, undefined, {}])(
    "has no state that could not stand in a header: %o",
    (state) => {
      assert.isUndefined(TraceContext.parse(`00-${TRACE}-${SPAN}-01`, state)?.state)
    }
  )
})
