/** The parameters of a client's message. */
import * as Json from "./Json.ts"

/** One parameter: its name, and its value as the client's bytes. */
export interface Param {
  readonly key: string
  readonly bytes: Uint8Array
}

export class Params {
  /** All of them, in the client's order. */
  readonly members: ReadonlyArray<Param>
  private readonly values: Readonly<Record<string, unknown>> | undefined
  private read: Map<string, unknown> | undefined

  /** `values` are the members as `JSON.parse` has them, where they have been parsed already. */
  constructor(members: ReadonlyArray<Param>, values?: Readonly<Record<string, unknown>>) {
    this.members = members
    this.values = values
  }

  /** A parameter as `JSON.parse` has it; what has not been parsed yet is now, and once. Undefined where there is none. */
  get(key: string): unknown {
    if (this.values !== undefined) return Object.hasOwn(this.values, key) ? this.values[key] : undefined
    const known = this.read?.get(key)
    if (known !== undefined) return known
    const bytes = this.members.findLast((member) => member.key === key)?.bytes
    if (bytes === undefined) return undefined
    const value = Json.parse(bytes, { start: 0, end: bytes.length })
    this.read ??= new Map()
    this.read.set(key, value)
    return value
  }

  /** The same but for some, and what is left is parsed when it is asked for. */
  without(...keys: ReadonlyArray<string>): Params {
    return new Params(this.members.filter(({ key }) => !keys.includes(key)))
  }
}
