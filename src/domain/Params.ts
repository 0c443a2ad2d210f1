/** The parameters of a client's message. */
import * as Json from "./Json.ts"

export class Params {
  /** All of them, in the client's order; where they stand in its message. */
  readonly members: ReadonlyArray<Json.Member>
  private readonly message: Uint8Array
  /** Those that are more than a text or a number, once they are parsed. */
  private read: Map<string, unknown> | undefined

  constructor(message: Uint8Array, members: ReadonlyArray<Json.Member>) {
    this.message = message
    this.members = members
  }

  /** The bytes of all values. */
  get size(): number {
    let size = 0
    for (const { value } of this.members) size += value.end - value.start
    return size
  }

  /** A value as the client's bytes. */
  bytesOf({ value }: Json.Member): Uint8Array {
    return this.message.subarray(value.start, value.end)
  }

  /** The same of the one of that name; undefined where there is none. */
  bytes(key: string): Uint8Array | undefined {
    const member = Json.lookup(this.members, key)
    return member === undefined ? undefined : this.bytesOf(member)
  }

  /** A parameter as `JSON.parse` has it, parsed when it is asked for; what is more than a text, once. Undefined where there is none. */
  get(key: string): unknown {
    const member = Json.lookup(this.members, key)
    if (member === undefined) return undefined
    const known = this.read?.get(key)
    if (known !== undefined) return known
    const value = Json.parse(this.message, member.value)
    if (typeof value !== "object" || value === null) return value
    this.read ??= new Map()
    this.read.set(key, value)
    return value
  }

  /** The same but for some. */
  without(...keys: ReadonlyArray<string>): Params {
    return new Params(
      this.message,
      this.members.filter(({ key }) => !keys.includes(key))
    )
  }
}
