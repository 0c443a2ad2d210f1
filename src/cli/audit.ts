/** `audit`: who did what. */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as AuditReader from "../access/AuditReader.ts"
import { type AuditRecord, OUTCOMES } from "../domain/AuditRecord.ts"
import * as DurationText from "../domain/Duration.ts"
import * as Host from "./Host.ts"
import * as Output from "./Output.ts"
import { quietly } from "./quietly.ts"
import * as Terminal from "./Terminal.ts"

/** `--since` says no time. */
export class NoTime extends Schema.TaggedError<NoTime>()("NoTime", { text: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
  override get message(): string {
    return `--since: expected how long ago, as 2h or "30 m", or a day or time, as 2026-11-24 or 2026-11-24T08:00, not ${JSON.stringify(this.text)}`
  }
}

/** When records are to begin, epoch milliseconds: so long ago, or a time of this machine's. */
export const sinceOf = (text: string, now: number): Effect.Effect<number, NoTime> => {
  const ago = DurationText.parse(text)
  if (Option.isSome(ago)) return Effect.succeed(now - Duration.toMillis(ago.value))
  // A day alone would be taken as one of Greenwich's.
  const time = /^\d{4}-\d\d-\d\d/u.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00` : text) : Number.NaN
  return Number.isNaN(time) ? Effect.fail(new NoTime({ text })) : Effect.succeed(time)
}

/** The time of this machine, with its day, so that a table may be sorted by it. */
const timeOf = (time: number): string =>
  DateTime.makeUnsafe(time).pipe(DateTime.setZone(DateTime.zoneMakeLocal()), (local) =>
    DateTime.formatIsoOffset(local).slice(0, 19).replace("T", " ")
  )

const colourOf = (outcome: string) => (outcome === "ok" ? "green" : outcome === "denied" ? "yellow" : "red")

/** What is done: the target, or what kind of thing it was. */
const whatOf = ({ detail, kind, lost, method, target }: AuditRecord): string => {
  if (kind === "gap") return `${lost ?? 0} records are missing here`
  if (method !== undefined) return target ?? method
  const about = detail ?? target
  return about === undefined ? kind : `${kind}: ${about}`
}

/** Records hold what clients say of themselves, which must not move the cursor. */
// oxlint-disable-next-line no-control-regex
const plain = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/gu, "?")

const row = (record: AuditRecord): ReadonlyArray<string> => {
  const { client, millis, outcome, principal, server, time } = record
  return [
    Output.paint(timeOf(time), "dim"),
    plain(principal?.email ?? principal?.name ?? principal?.subject ?? "-"),
    plain(client?.name ?? client?.id ?? "-"),
    plain(server ?? "-"),
    plain(whatOf(record)),
    Output.paint(outcome, colourOf(outcome)),
    millis === undefined ? "-" : String(Math.round(millis))
  ]
}

/** How many rows a person reads. */
const SHOWN = 100

const HEAD = ["TIME", "WHO", "CLIENT", "SERVER", "WHAT", "OUTCOME", "MS"]

/** One line for a machine, as MCP_AUDIT_PATH has it. */
const line = (record: AuditRecord): string =>
  JSON.stringify({ ...record, time: DateTime.formatIso(DateTime.makeUnsafe(record.time)) })

const text = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.optional)

export const audit = Command.make(
  "audit",
  {
    user: text("user", "Only of this person: e-mail, name or subject"),
    tool: text("tool", "Only this tool, prompt or URI, as clients see it; * stands for any text"),
    server: text("server", "Only of this server"),
    outcome: Flag.Literals("outcome", OUTCOMES).pipe(Flag.withDescription("Only with this outcome"), Flag.optional),
    since: text("since", "Only what is no older: 2h, 30m, 2026-11-24"),
    limit: Flag.Int("limit").pipe(
      Flag.withDescription(
        `So many at most: the newest. In the table ${SHOWN} unless this says otherwise, in JSON all`
      ),
      Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0))),
      Flag.optional
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print each record as a line of JSON, for programs"),
      Flag.withDefault(false)
    )
  },
  ({ json, limit, outcome, server, since, tool, user }) =>
    quietly((settings) =>
      Effect.gen(function* () {
        const paths = yield* Path.Path
        const now = yield* Clock.currentTimeMillis
        const most = Option.getOrElse(limit, () => (json ? AuditReader.ALL : SHOWN))
        const records = yield* AuditReader.read(paths.resolve(settings.storage.dataDirectory, Host.AUDIT_DATABASE), {
          user: Option.getOrUndefined(user),
          tool: Option.getOrUndefined(tool),
          server: Option.getOrUndefined(server),
          outcome: Option.getOrUndefined(outcome),
          since: Option.isSome(since) ? yield* sinceOf(since.value, now) : undefined,
          limit: most
        })
        yield* Effect.sync(Terminal.mayBeClosed)
        if (json) return yield* Effect.forEach(records, (record) => Console.log(line(record)), { discard: true })
        yield* Output.print(
          records.length === 0
            ? "No such records"
            : Output.table([HEAD.map((name) => Output.paint(name, "bold")), ...records.map(row)])
        )
        if (records.length === most) yield* Output.print(`The newest ${most}; --limit shows more`)
      })
    )
).pipe(
  Command.withDescription("Show who did what, from the audit trail of this environment's data directory"),
  Command.withExamples([
    { command: "mcp-proxy-server audit --since 2h", description: "What happened in the last two hours" },
    { command: "mcp-proxy-server audit --user ada@example.com --outcome denied", description: "What she may not do" },
    { command: "mcp-proxy-server audit --tool 'github_*' --json", description: "For a program" }
  ])
)
