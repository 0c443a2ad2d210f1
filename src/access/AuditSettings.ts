/** What is recorded of who did what, where, and for how long. */
import * as Result from "effect/Result"
import * as Setting from "../settings/Setting.ts"
import type { Values } from "../settings/Settings.ts"

const MASK = "password,passwd,passphrase,secret,token,authorization,apikey,credential,privatekey,cookie"

export const settings = {
  arguments: Setting.flag({
    name: "MCP_AUDIT_ARGUMENTS",
    description: "Record the arguments of tools and prompts too, what MCP_AUDIT_MASK names masked."
  }),
  mask: Setting.custom<ReadonlyArray<string>>({
    name: "MCP_AUDIT_MASK",
    description:
      "Recorded arguments whose key contains one of these words are masked, at any depth, comma-separated; case and punctuation of keys do not count.",
    fallback: MASK,
    absent: Setting.items(MASK),
    decode: (value) => Result.succeed(Setting.items(value))
  }),
  path: Setting.optional({
    name: "MCP_AUDIT_PATH",
    description: "A file to append every record to as JSON Lines, beside the database in MCP_DATA_DIR."
  }),
  retention: Setting.duration({
    name: "MCP_AUDIT_RETENTION",
    description: "How long records are kept in the database.",
    fallback: "90 d"
  }),
  maxSize: Setting.bytes({
    name: "MCP_AUDIT_MAX_SIZE",
    description: "How large the database may become; the oldest records go first.",
    fallback: "1 GB",
    minimum: "1 MB"
  }),
  queue: Setting.integer({
    name: "MCP_AUDIT_QUEUE",
    description: "How many records may wait to be written. When so many wait, further ones are lost, and counted.",
    fallback: 10_000,
    minimum: 1,
    maximum: 1_000_000
  })
}

export type AuditSettings = Values<typeof settings>
