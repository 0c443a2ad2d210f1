/** The scopes that tokens carry: one for the tools, one for staying connected. */

/** Calling what the person may call. */
export const MCP = "mcp"

/** A refresh token. It is given whether or not it is asked for, to clients that can use one. */
export const OFFLINE = "offline_access"

/** What the authorization server's metadata lists. */
export const SUPPORTED: ReadonlyArray<string> = [MCP, OFFLINE]

/**
 * The scopes of a request as we understand them. Clients ask for what they know (`openid`, `email`, `claudeai`, the
 * scopes of another server); refusing them would refuse the person, so what we do not have is dropped, and what every
 * token has is always there.
 */
export const UNDERSTOOD = SUPPORTED.join(" ")
