/** A bearer token that an operator has given to a program, and the program's name. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

export interface MachineKey {
  readonly key: Redacted.Redacted<string>
  /** What policies, logs and pages call the program. */
  readonly name: string
}

/** Whoever may ask as often as they like must not be able to guess. */
export const MINIMUM = 32

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/u

/** The key, or what is wrong with it, without quoting it. */
export const make = (key: string, name: string): Result.Result<MachineKey, string> => {
  const problems = [
    ...(key.length < MINIMUM ? [`its key has ${key.length} characters, fewer than ${MINIMUM}`] : []),
    // What else there is cannot stand in an Authorization header.
    ...(/^[\u0021-\u007e]*$/u.test(key) ? [] : ["its key has characters that no header can carry"]),
    ...(NAME.test(name) ? [] : ["its name is not 1 to 64 letters, digits, '.', '_', '-' or '@'"])
  ]
  return problems.length === 0 ? Result.succeed({ key: Redacted.make(key), name }) : Result.fail(problems.join(", "))
}
