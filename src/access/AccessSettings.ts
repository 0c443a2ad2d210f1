/** Whom the environment lets in, and where the file is that says more. */
import * as Setting from "../settings/Setting.ts"

export const settings = {
  usersPath: Setting.optional({
    name: "MCP_USERS_PATH",
    description: "The file that says who may sign in and use what. Unset: users.json in MCP_DATA_DIR, if there is one."
  }),
  allowedEmails: Setting.list({
    name: "MCP_ALLOWED_EMAILS",
    description:
      "People who may sign in and use everything, by e-mail, comma-separated; where the file has an entry for them, it decides.",
    item: /^[^@\s*]+@[^@\s*]+$/u,
    expected: "e-mail addresses, comma-separated"
  }),
  allowedDomains: Setting.list({
    name: "MCP_ALLOWED_DOMAINS",
    description: "The same for everybody of a domain, as example.com, comma-separated.",
    item: /^@?[^@\s*]+$/u,
    expected: "domains like example.com, comma-separated"
  })
}
