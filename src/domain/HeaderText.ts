/** Texts as values of headers (2026-07-28, transports/streamable-http, §Value Encoding). */
import { isUtf8 } from "node:buffer"

/** Visible ASCII, blanks within: what arrives as it was sent. */
const PLAIN = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/u
const ALLOWED = /^[\t\x20-\x7e]*$/u
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u
const PREFIX = "=?base64?"
const SUFFIX = "?="

/** Also of `=?base64?=`, whose markers overlap: some readers take it for encoded, others for itself. */
const isMarked = (value: string): boolean => value.startsWith(PREFIX) && value.endsWith(SUFFIX)

/** The value for a text: itself where that is safe and cannot be taken for an encoded one, else in Base64. */
export const encode = (text: string): string =>
  PLAIN.test(text) && !isMarked(text) ? text : `${PREFIX}${Buffer.from(text).toString("base64")}${SUFFIX}`

const isBlank = (value: string, at: number): boolean => value[at] === " " || value[at] === "\t"

/** A value without the blanks around it, which are no part of it (RFC 9110, 5.5). */
export const trim = (value: string): string => {
  // No regular expression: one that ends in blanks takes quadratic time on blanks within.
  let start = 0
  let end = value.length
  while (start < end && isBlank(value, start)) start++
  while (end > start && isBlank(value, end - 1)) end--
  return value.slice(start, end)
}

/** The text of a value; undefined where it has characters that no value has, or is marked as Base64 and is none. */
export const decode = (value: string): string | undefined => {
  const text = trim(value)
  if (!ALLOWED.test(text)) return undefined
  if (!isMarked(text)) return text
  const encoded = text.slice(PREFIX.length, -SUFFIX.length)
  const bytes =
    text.length >= PREFIX.length + SUFFIX.length && BASE64.test(encoded) ? Buffer.from(encoded, "base64") : undefined
  return bytes !== undefined && isUtf8(bytes) ? bytes.toString() : undefined
}
