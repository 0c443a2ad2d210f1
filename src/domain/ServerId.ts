/** The names by which things are told apart. */
import * as Schema from "effect/Schema"
import { remembering } from "./Remembering.ts"

/** A server's key in `mcpServers`, verbatim. */
export const ServerId = Schema.NonEmptyString.pipe(Schema.brand("ServerId"))
export type ServerId = typeof ServerId.Type

/** The stable id of a principal: what sessions and lanes are bound to. Never a token. */
export const Subject = Schema.NonEmptyString.pipe(Schema.brand("Subject"))
export type Subject = typeof Subject.Type

/** The random id inside a sealed session id, and the key of the session's row in the Store. */
export const SessionKey = Schema.NonEmptyString.pipe(Schema.brand("SessionKey"))
export type SessionKey = typeof SessionKey.Type

/**
 * The server's key as it stands in tool names, URIs and paths: what MCP does not allow in a name becomes `_`. Keys of
 * letters, digits, `_`, `-` and `.` are kept verbatim.
 */
export const slug: (id: ServerId) => string = remembering((id) => id.replace(/[^A-Za-z0-9_.-]/gu, "_"))
