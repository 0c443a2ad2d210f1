/** No record is large, whatever a client sends: thousands of them wait in memory. */
import type { AuditRecord } from "../domain/AuditRecord.ts"

/** The longest text of a record, in characters. */
export const MAX_TEXT = 1000

/** The most that is kept of arguments, as JSON in characters. */
export const MAX_ARGUMENTS = 16_384

/** Copied, for the beginning alone of a text would keep all of it in memory. */
const cut = (text: string): string => `${Buffer.from(text.slice(0, MAX_TEXT)).toString()}…`

const fits = (value: unknown): boolean => typeof value !== "string" || value.length <= MAX_TEXT

const shorten = <A>(value: A): A => (typeof value === "string" && !fits(value) ? (cut(value) as A) : value)

const shortened = <A extends object>(value: A): A =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shorten(item)])) as A

/** What is kept of arguments. */
const keptArguments = (value: unknown, mask: (value: unknown) => unknown): unknown => {
  const masked = mask(value)
  const { length } = JSON.stringify(masked)
  return length > MAX_ARGUMENTS ? tooLarge(length) : masked
}

/** What stands in place of arguments that are too large to be kept. */
export const tooLarge = (size: number): string => `… (${size}, too large to be recorded)`

/** Are all texts that come from outside within bounds? */
const isShort = ({ client, detail, method, principal, request, target }: AuditRecord): boolean =>
  fits(target) &&
  fits(method) &&
  fits(request) &&
  fits(detail) &&
  fits(client?.id) &&
  fits(client?.name) &&
  fits(client?.version) &&
  fits(principal?.name)

const shortTexts = (record: AuditRecord): AuditRecord => ({
  ...shortened(record),
  client: record.client === undefined ? undefined : shortened(record.client),
  principal: record.principal === undefined ? undefined : shortened(record.principal)
})

/** The record within bounds, itself where it is; its arguments masked, or dropped where there is no mask. */
export const clip = (record: AuditRecord, mask: ((value: unknown) => unknown) | undefined): AuditRecord => {
  const short = isShort(record) ? record : shortTexts(record)
  if (record.arguments === undefined) return short
  return { ...short, arguments: mask === undefined ? undefined : keptArguments(record.arguments, mask) }
}
