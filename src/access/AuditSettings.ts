/** What the audit trail keeps, where and for how long. */
import * as Setting from "../settings/Setting.ts"

export const settings = {
  enabled: Setting.flag({
    name: "MCP_AUDIT",
    description: "Keep a record of every call, refusal and sign-in, in audit.db in MCP_DATA_DIR.",
    fallback: true
  }),
  arguments: Setting.flag({
    name: "MCP_AUDIT_ARGUMENTS",
    description: "Keep the arguments of calls too, those masked that MCP_AUDIT_MASK names."
  }),
  mask: Setting.list({
    name: "MCP_AUDIT_MASK",
    description:
      "Arguments whose key contains one of these words, at any depth, are kept as ***. Case and punctuation do not count.",
    fallback: "password,passwd,secret,token,authorization,api_key,credential,private_key,cookie",
    item: /[\p{L}\p{N}]/u,
    expected: "words, comma-separated"
  }),
  path: Setting.optional({
    name: "MCP_AUDIT_PATH",
    description: "A file to which each record is appended as a line of JSON too. It may be rotated by moving it away."
  }),
  retention: Setting.duration({
    name: "MCP_AUDIT_RETENTION",
    description: "How long records are kept in audit.db.",
    fallback: "90 d"
  }),
  maxSize: Setting.bytes({
    name: "MCP_AUDIT_MAX_SIZE",
    description: "How large audit.db may grow; the oldest records go first.",
    fallback: "1 GB"
  })
}
