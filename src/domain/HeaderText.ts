/** Texts as values of headers (2026-07-28, transports/streamable-http, §Value Encoding). */
import { isUtf8 } from "node:buffer"

/** Visible ASCII, blanks within: what arrives as it was sent. */
const PLAIN = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/u
const ENCODED = /^=\?base64\?(.*)\?=$/u
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u

/** The value for a text: itself where that is safe and cannot be taken for an encoded one, else in Base64. */
export const encode = (text: string): string =>
  PLAIN.test(text) && !ENCODED.test(text) ? text : `=?base64?${Buffer.from(text).toString("base64")}?=`

/** A value without the blanks around it, which are no part of it (RFC 9110, 5.5). */
export const trim = (value: string): string => value.replace(/^[\t ]+|[\t ]+$/gu, "")

/** The text of a value; undefined where it is marked as Base64 and is none. */
export const decode = (value: string): string | undefined => {
  const encoded = ENCODED.exec(trim(value))?.[1]
  if (encoded === undefined) return trim(value)
  const bytes = BASE64.test(encoded) ? Buffer.from(encoded, "base64") : undefined
  return bytes !== undefined && isUtf8(bytes) ? bytes.toString() : undefined
}
