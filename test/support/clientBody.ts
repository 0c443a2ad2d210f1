/** Generators of the bodies that clients POST: sane ones, odd ones, and ones made to be read in two ways. */
import * as fc from "fast-check"
import { anyText, escaped, space, stringText, valueText } from "./jsonText.ts"

export type BodyClass =
  | "request"
  | "notification"
  | "with name"
  | "with uri"
  | "raw line breaks"
  | "keys spelled with escapes"
  | "__proto__ as a key"
  | "a key twice below arguments"
  | "ambiguous"

export const BODY_CLASSES: ReadonlyArray<BodyClass> = [
  "request",
  "notification",
  "with name",
  "with uri",
  "raw line breaks",
  "keys spelled with escapes",
  "__proto__ as a key",
  "a key twice below arguments",
  "ambiguous"
]

export interface ClientBody {
  readonly text: string
  /** Can two readers disagree about who is asked for what? Then it has to be refused. */
  readonly isAmbiguous: boolean
  readonly method: string
  readonly name: string | undefined
  readonly uri: string | undefined
  /** The text of `params.arguments`. */
  readonly args: string | undefined
  readonly classes: ReadonlySet<BodyClass>
}

/** Members that change what some reader sees of the envelope: again, or spelled as only some would take it. */
const ENVELOPE_HAZARDS = [
  '"method":"tools/call"',
  '"\\u006dethod":"evil"',
  '"Method":"evil"',
  '"METHOD":"evil"',
  '"me\\u0054hod":"evil"',
  '"params":{"name":"evil"}',
  '"Params":{"name":"evil"}',
  '"param\u017f":{"name":"evil"}',
  '"param\\u017f":{"name":"evil"}',
  '"ID":2',
  '"id":2,"\\u0069d":3',
  '"jsonrpc":"2.0"',
  '"JSONRPC":"2.0"',
  '"Result":{}',
  '"result":{}',
  '"error":{}'
]

/** The same for `params`, given one of each of the sane members. */
const PARAMS_HAZARDS = [
  '"name":"evil","name":"evil2"',
  '"Name":"evil"',
  '"NAME":"evil"',
  '"na\\u004de":"evil"',
  '"uri":"evil://","\\u0075ri":"evil://2"',
  '"URI":"evil://"',
  '"Uri":"evil://"',
  '"argument\u017f":{}',
  '"Arguments":{}',
  '"arguments":1,"arguments":2',
  '"_Meta":{}',
  '"Cursor":"x"',
  '"progressTo\u212aen":1',
  '"requestid":1',
  '"ref":{},"ref":{}'
]

/** Members that no reader takes for ours. */
const BENIGN = [
  '"__proto__":{"method":"evil","name":"evil","uri":"evil://"}',
  '"__proto__":null',
  '"constructor":{"name":"evil"}',
  '"names":"x"',
  '"x":1,"x":\n2',
  '"\\u0078":"\\u000a"',
  '"vendor/name":"\\r\\n"',
  '"toString":1'
]

const name = (key: string): fc.Arbitrary<string> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(`"${key}"`) }, { weight: 1, arbitrary: escaped(key) })

const member = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(name(key), space, space, value).map(([written, before, after, it]) => `${written}${before}:${after}${it}`)

const maybe = <A>(weight: number, arbitrary: fc.Arbitrary<A>): fc.Arbitrary<A | undefined> =>
  fc.oneof({ weight, arbitrary }, { weight: 10 - weight, arbitrary: fc.constant(undefined) })

const argumentsText: fc.Arbitrary<string> = fc
  .tuple(space, valueText, fc.constantFrom("", ',"a":1,\n"a":2', ',"name":"inner",\r"Name":"inner"', ',"\\u0061":0'))
  .map(([gap, value, more]) => `{${gap}"a":${value}${gap}${more}}`)

const text = (value: string): string => JSON.stringify(value)

const shuffled = <A>(items: ReadonlyArray<A>): fc.Arbitrary<ReadonlyArray<A>> =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length })

const object = (members: ReadonlyArray<string>): fc.Arbitrary<string> =>
  fc
    .tuple(shuffled(members), space, space, space)
    .map(([all, before, between, after]) => `{${before}${all.join(`${between},${after}`)}${after}}`)

/** A text worth sending as a name: the usual, the hostile, the long. */
const nameText = fc.oneof(fc.constantFrom("echo", "server_tool", "a\nb", "名前", "\ud83d", "x".repeat(70)), anyText)

export const clientBody: fc.Arbitrary<ClientBody> = fc
  .record({
    method: fc.oneof(fc.constantFrom("tools/call", "resources/read", "prompts/get", "x/y\nz"), anyText.filter(Boolean)),
    id: maybe(8, fc.oneof(fc.nat().map(String), stringText)),
    name: maybe(7, nameText),
    uri: maybe(5, fc.oneof(fc.webUrl(), nameText)),
    args: maybe(7, argumentsText),
    meta: maybe(4, valueText),
    cursor: maybe(2, stringText),
    envelopeHazard: maybe(1, fc.constantFrom(...ENVELOPE_HAZARDS)),
    paramsHazard: maybe(1, fc.constantFrom(...PARAMS_HAZARDS)),
    benignOutside: maybe(3, fc.constantFrom(...BENIGN)),
    benignInside: maybe(3, fc.constantFrom(...BENIGN))
  })
  .chain((of) => {
    const present = <A>(value: A | undefined): ReadonlyArray<A> => (value === undefined ? [] : [value])
    const params = fc
      .tuple(
        ...present(of.name).map((value) => member("name", fc.constant(text(value)))),
        ...present(of.uri).map((value) => member("uri", fc.constant(text(value)))),
        ...present(of.args).map((value) => member("arguments", fc.constant(value))),
        ...present(of.meta).map((value) => member("_meta", fc.constant(value))),
        ...present(of.cursor).map((value) => member("cursor", fc.constant(value))),
        ...present(of.paramsHazard).map(fc.constant),
        ...present(of.benignInside).map(fc.constant)
      )
      .chain(object)
    return fc
      .tuple(
        member("jsonrpc", fc.constant('"2.0"')),
        member("method", fc.constant(text(of.method))),
        member("params", params),
        ...present(of.id).map((value) => member("id", fc.constant(value))),
        ...present(of.envelopeHazard).map(fc.constant),
        ...present(of.benignOutside).map(fc.constant)
      )
      .chain(object)
      .map((whole): ClientBody => {
        const isAmbiguous = of.envelopeHazard !== undefined || of.paramsHazard !== undefined
        const classes = new Set<BodyClass>([of.id === undefined ? "notification" : "request"])
        if (of.name !== undefined) classes.add("with name")
        if (of.uri !== undefined) classes.add("with uri")
        if (/[\r\n]/u.test(whole)) classes.add("raw line breaks")
        if (/"(?:\\u[0-9a-f]{4}|[a-z_])*\\u[0-9a-f]{4}(?:\\u[0-9a-f]{4}|[a-z_])*"\s*:/u.test(whole)) {
          classes.add("keys spelled with escapes")
        }
        if (`${of.benignInside}${of.benignOutside}`.includes("__proto__")) classes.add("__proto__ as a key")
        if (/"a":1|"Name"|\\u0061":0/u.test(of.args ?? "")) classes.add("a key twice below arguments")
        if (isAmbiguous) classes.add("ambiguous")
        const { args, method, name, uri } = of
        return { text: whole, isAmbiguous, method, name, uri, args, classes }
      })
  })
