/**
 * The ways in which one resource may be spelled, for rules to hold against. What a server makes of a URI is its own
 * affair; so a rule has to hold however the URI is read.
 */

/** Longer than any URI that somebody means; each is taken apart several times. */
const MAX_LENGTH = 8192

/** How often escapes are undone before a URI is taken for an attempt to confuse. */
const MAX_ROUNDS = 4

export interface Spellings {
  /** As it is written, and with all that may be spelled differently spelled one way. */
  readonly exact: ReadonlyArray<string>
  /** Those, and what is left of them for a server that does not look at query, fragment or trailing slashes. */
  readonly loose: ReadonlyArray<string>
}

const decodeOnce = (text: string): string =>
  text.replace(/(?:%[0-9a-f]{2})+/giu, (escapes) => {
    try {
      return decodeURIComponent(escapes)
    } catch {
      return escapes
    }
  })

const decode = (text: string): string | undefined => {
  let decoded = text
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = decodeOnce(decoded)
    if (next === decoded) return decoded
    decoded = next
  }
  return undefined
}

/** Schemes whose URIs have an authority, however few slashes they are written with. */
const WITH_AUTHORITY = new Set(["file", "ftp", "http", "https", "ws", "wss"])

const oneWay = (text: string): string => {
  const [, scheme = "", rest = text] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/su.exec(text) ?? []
  const name = scheme.toLowerCase()
  if (name === "") return rest.replace(/\/{2,}/gu, "/")
  const isFile = name === "file"
  const known = WITH_AUTHORITY.has(name)
  if (!rest.startsWith("//") && !known) return `${name}:${rest.replace(/\/{2,}/gu, "/")}`
  // A file's path may be written without an authority before it; what is left of another's begins with its authority.
  const hier = rest.startsWith("//") ? rest.slice(2) : isFile ? `/${rest}` : rest.replace(/^\//u, "")
  const [, authority = "", path = ""] = /^([^/?#]*)(.*)$/su.exec(hier) ?? []
  const host = authority.toLowerCase()
  return `${name}://${isFile && host === "localhost" ? "" : host}${path.replace(/\/{2,}/gu, "/")}`
}

/** Climbing out of a folder is nothing that a rule over beginnings of URIs could hold against. */
const climbs = (text: string): boolean => text.split(/[/?#]/u).some((segment) => segment === "." || segment === "..")

const loosened = (text: string): ReadonlyArray<string> => {
  const bare = text.replace(/[?#].*$/su, "")
  return [text, bare, bare.replace(/\/+$/u, "")]
}

/**
 * The spellings of a URI or URI template. None for one that nobody means: with `.` or `..` as a segment, escaped again
 * and again, or far too long.
 */
export const of = (uri: string): Spellings | undefined => {
  if (uri.length > MAX_LENGTH) return undefined
  const decoded = decode(uri)
  if (decoded === undefined) return undefined
  // Readers of URLs drop line ends and tabs, and take a backslash for a slash.
  const text = decoded
    .replace(/[\t\n\r]/gu, "")
    .trim()
    .replaceAll("\\", "/")
    .normalize("NFC")
  if (climbs(text)) return undefined
  const exact = [...new Set([uri, oneWay(text)])]
  return {
    exact,
    loose: [...new Set([...exact, oneWay(decode(uri.replace(/[?#].*$/su, "")) ?? "")].flatMap(loosened))]
  }
}
