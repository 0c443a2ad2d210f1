/** `audit`: who did what. */
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Iterable from "effect/Iterable"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as AuditReader from "../access/AuditReader.ts"
import { auditLine, isoTime } from "../domain/AuditLine.ts"
import { type AuditRecord, KINDS, OUTCOMES } from "../domain/AuditRecord.ts"
import * as DurationText from "../domain/Duration.ts"
import * as AllSettings from "./AllSettings.ts"
import * as Host from "./Host.ts"
import * as Output from "./Output.ts"
import * as Terminal from "./Terminal.ts"

/** `--since` is neither a time nor a duration. */
export class BadTime extends Schema.TaggedError<BadTime>()("BadTime", { text: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
  override get message(): string {
    return `--since ${JSON.stringify(this.text)}: expected how long ago, such as 30m, 2h or 7d, or a time such as 2026-11-24 or 2026-11-24T10:00:00Z`
  }
}

/** The moment that `--since` means: so long before now, or a date, in UTC unless it says otherwise. */
export const moment = (text: string, now: number): Effect.Effect<number, BadTime> =>
  DurationText.parse(text).pipe(
    Option.map((ago) => now - Duration.toMillis(ago)),
    Option.orElse(() => (/^\d{4}-\d\d-\d\d/u.test(text) ? DateTime.make(text) : Option.none())),
    Option.map((time) => (typeof time === "number" ? time : DateTime.toEpochMillis(time))),
    Effect.fromOption,
    Effect.mapError(() => new BadTime({ text }))
  )

const GOOD = new Set<AuditRecord["outcome"]>(["ok"])

const HEAD = ["TIME (UTC)", "WHO", "CLIENT", "WHAT", "SERVER", "TARGET", "OUTCOME", "MS", ""]

const row = (record: AuditRecord): ReadonlyArray<string> => {
  const { client, code, detail, kind, method, millis, outcome, principal, server, target, time } = record
  const said = code === undefined ? outcome : `${outcome} (${code})`
  return [
    isoTime(time).replace("T", " ").replace("Z", ""),
    principal?.email ?? principal?.name ?? principal?.subject ?? "-",
    [client?.name ?? client?.id ?? "-", client?.version ?? ""].join(" ").trim(),
    kind === "call" && method !== undefined ? method : [kind, method ?? ""].join(" ").trim(),
    server ?? "-",
    target ?? "-",
    Output.paint(said, GOOD.has(outcome) ? "green" : "red"),
    millis === undefined ? "-" : String(millis),
    detail ?? ""
  ].map((cell, index) => (index === 6 ? cell : Output.plain(cell)))
}

/** Without --json, so many records are shown unless --limit asks for more. */
const SCREENFUL = 100

const choice = <const A extends ReadonlyArray<string>>(name: string, choices: A, description: string) =>
  Flag.Literals(name, choices).pipe(Flag.withDescription(description), Flag.optional)

const pattern = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.withMetavar(metavar), Flag.optional)

export const audit = Command.make(
  "audit",
  {
    user: pattern("user", "EMAIL", "Only this person: e-mail, name or subject; * stands for any characters"),
    tool: pattern("tool", "NAME", "Only this tool, prompt or resource, as clients see it; * stands for any characters"),
    server: pattern("server", "NAME", "Only this server; * stands for any characters"),
    kind: choice("kind", KINDS, "Only records of this kind"),
    outcome: choice("outcome", OUTCOMES, "Only records with this outcome"),
    since: pattern("since", "2h", "Only since then: a duration before now (30m, 2h, 7d), or a time (2026-11-24)"),
    limit: Flag.Int("limit").pipe(
      Flag.withDescription(`Only the latest so many; ${SCREENFUL} by default, with --json all`),
      Flag.optional
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON Lines, for programs"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ json, kind, limit, outcome, server, since, tool, user }) {
    const { storage } = yield* AllSettings.load
    const paths = yield* Path.Path
    const now = yield* Clock.currentTimeMillis
    const query: AuditReader.Query = {
      user: Option.getOrUndefined(user),
      target: Option.getOrUndefined(tool),
      server: Option.getOrUndefined(server),
      kind: Option.getOrUndefined(kind),
      outcome: Option.getOrUndefined(outcome),
      since: Option.isSome(since) ? yield* moment(since.value, now) : undefined,
      limit: Option.getOrElse(limit, () => (json ? undefined : SCREENFUL))
    }
    const records = yield* AuditReader.read(paths.resolve(storage.dataDirectory, Host.AUDIT_FILE), query)
    if (json) return yield* Terminal.writeLines(Iterable.map(records, auditLine))
    const rows = [...records].map(row)
    const text = rows.length === 0 ? "Nothing of that kind is recorded." : Output.table([HEAD, ...rows])
    yield* Terminal.writeLines(text.split("\n"))
  }, Effect.scoped)
).pipe(
  Command.withDescription("Show who did what: the audit trail of the proxy whose data directory this is"),
  Command.withExamples([
    { command: "mcp-proxy-server audit --since 2h", description: "The last two hours" },
    { command: "mcp-proxy-server audit --user ada@example.com --outcome denied", description: "What Ada was refused" },
    { command: "mcp-proxy-server audit --tool 'github_*' --json", description: "Calls of one server, for a program" }
  ])
)
