/** Who may sign in, and who may use what: the policy in force. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as AccessRules from "../domain/AccessRules.ts"
import type * as Permissions from "../domain/Permissions.ts"
import type { Principal } from "../domain/Principal.ts"
import type { ServerId } from "../domain/ServerId.ts"
import { logger } from "../observability/Logging.ts"
import * as Vital from "../observability/Vital.ts"
import type { Values } from "../settings/Settings.ts"
import type { settings } from "./AccessSettings.ts"
import * as Summary from "./Summary.ts"
import * as UsersSource from "./UsersSource.ts"

const log = logger("access")

/** What is said to somebody who has just signed in at the provider. */
export type Admission =
  | { readonly _tag: "Admitted"; readonly isAdmin: boolean }
  /** `reason` is for the person. */
  | { readonly _tag: "Refused"; readonly reason: string }

/** One policy of this process; they are numbered from 1. */
export interface PolicyVersion {
  readonly version: number
  readonly summary: Summary.Summary
}

export class AccessPolicy extends Context.Service<
  AccessPolicy,
  {
    /** May a person of this verified e-mail sign in? */
    readonly admit: (person: { readonly email: string; readonly hostedDomain?: string | undefined }) => Admission
    /**
     * What a principal may use. Until the policy changes, everyone with the same entry is given the same object; after
     * that, a new one.
     */
    readonly permissions: (principal: Principal) => Permissions.Permissions
    readonly version: () => number
    /** Whom the policy lets in, for the log. */
    readonly summary: () => Summary.Summary
    /** Servers that the policy names but that are not among these: most likely slips of the pen. */
    readonly remarks: (servers: ReadonlyArray<ServerId>) => ReadonlyArray<string>
    /** The policy in force, and each that comes after it. */
    readonly changes: Stream.Stream<PolicyVersion>
  }
>()("mcp-proxy/access/AccessPolicy") {}

const REFUSED = "is not among those who may use this server. Ask whoever runs it to let you in."

interface Policy extends PolicyVersion {
  readonly rules: AccessRules.AccessRules
  readonly of: (who: AccessRules.Somebody) => Permissions.Permissions
}

const policy = (version: number, rules: AccessRules.AccessRules, path: string): Policy => ({
  version,
  rules,
  of: AccessRules.compile(rules),
  summary: Summary.of(rules, path)
})

const service = (current: SubscriptionRef.SubscriptionRef<Policy>): AccessPolicy["Service"] => {
  const now = () => SubscriptionRef.getUnsafe(current)
  const known = new WeakMap<Principal, { readonly by: Policy; readonly permissions: Permissions.Permissions }>()
  return AccessPolicy.of({
    admit: ({ email, hostedDomain }) => {
      const person = { kind: "person", displayName: email, email } as const
      const found = now().of(hostedDomain === undefined ? person : { ...person, hostedDomain })
      return found.admitted
        ? { _tag: "Admitted", isAdmin: found.isAdmin }
        : { _tag: "Refused", reason: `${email} ${REFUSED}` }
    },
    permissions: (principal) => {
      const by = now()
      const found = known.get(principal)
      if (found?.by === by) return found.permissions
      const permissions = by.of(principal)
      known.set(principal, { by, permissions })
      return permissions
    },
    version: () => now().version,
    summary: () => now().summary,
    remarks: (servers) => Summary.strangers(now().rules, servers),
    changes: Stream.map(SubscriptionRef.changes(current), ({ summary, version }) => ({ summary, version }))
  })
}

/** How long a file that makes no sense is given to become one that does: it may be about to be written. */
const SECOND_LOOK = "200 millis"

/** The file as it was last judged: its text, or why it has none. */
type Seen = Result.Result<Option.Option<string>, string>

const same = (a: Seen, b: Seen): boolean =>
  Result.isSuccess(a)
    ? Result.isSuccess(b) && Option.getOrUndefined(a.success) === Option.getOrUndefined(b.success)
    : Result.isFailure(b) && a.failure === b.failure

/** Puts changes of the file into force. What makes no sense is said once, and the last good policy stays. */
const follow = Effect.fnUntraced(function* (
  values: Values<typeof settings>,
  path: string,
  text: Option.Option<string>,
  current: SubscriptionRef.SubscriptionRef<Policy>
) {
  let judged: Seen = Result.succeed(text)
  const look: Effect.Effect<Seen, never, FileSystem.FileSystem> = Effect.result(UsersSource.look(path)).pipe(
    Effect.map(Result.mapError((error) => error.message))
  )
  const keep = (why: string) => log.error(`${why}\nThe rules in force stay as they are.`)

  const judge = Effect.fnUntraced(function* (
    found: Seen,
    isSecond: boolean
  ): Effect.fn.Return<void, never, FileSystem.FileSystem> {
    if (same(found, judged)) return
    const before = SubscriptionRef.getUnsafe(current)
    const rules = Result.isSuccess(found) ? UsersSource.rules(values, path, found.success) : undefined
    const isGone = Result.isSuccess(found) && Option.isNone(found.success)
    if (rules !== undefined && Result.isSuccess(rules) && !(isGone && before.rules.file !== undefined)) {
      judged = found
      const next = policy(before.version + 1, rules.success, path)
      yield* SubscriptionRef.set(current, next)
      yield* log.info(`The rules have changed. ${next.summary.text}`)
      return
    }
    if (!isSecond) {
      yield* Effect.sleep(SECOND_LOOK)
      return yield* judge(yield* look, true)
    }
    judged = found
    if (Result.isFailure(found)) yield* keep(found.failure)
    else if (rules !== undefined && Result.isFailure(rules)) yield* keep(rules.failure.message)
    // Without its file the policy would let anybody in, which nobody wants who once wrote one.
    else yield* keep(`${path} is gone. To do without it, restart.`)
  })

  yield* Stream.runForEach(UsersSource.hints(path), () => Effect.flatMap(look, (found) => judge(found, false)))
})

/** The policy of file and environment, kept up to date while it lives. Fails where the file cannot be meant. */
export const layer = (
  values: Values<typeof settings>,
  dataDirectory: string
): Layer.Layer<AccessPolicy, UsersSource.UsersFileError, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(
    AccessPolicy,
    Effect.gen(function* () {
      const { rules, source, text } = yield* UsersSource.load(values, dataDirectory)
      const current = yield* SubscriptionRef.make(policy(1, rules, source.path))
      yield* Vital.fork(`Following ${source.path}`, follow(values, source.path, text, current))
      return service(current)
    })
  )

/** Everyone may do everything: for programs that decide by themselves whom they let near. */
export const layerEveryone: Layer.Layer<AccessPolicy> = Layer.effect(
  AccessPolicy,
  Effect.map(
    SubscriptionRef.make(policy(1, { file: undefined, emails: new Set(), domains: new Set() }, "users.json")),
    service
  )
)

/** A policy of rules that are given, until they are replaced. */
export const fromRules = Effect.fnUntraced(function* (rules: AccessRules.AccessRules) {
  const current = yield* SubscriptionRef.make(policy(1, rules, "users.json"))
  return {
    service: service(current),
    replace: (next: AccessRules.AccessRules) =>
      SubscriptionRef.update(current, ({ version }) => policy(version + 1, next, "users.json"))
  }
})
