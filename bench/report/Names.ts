/** What cases are called, on the screen, in the tables and by `--only`. Pure. */
import type { CallCase } from "./Results.ts"

/** 100, 10K, 1M. */
export const sizeOf = (bytes: number): string => {
  if (bytes >= 1_000_000) return `${bytes / 1_000_000}M`
  return bytes >= 1000 ? `${bytes / 1000}K` : String(bytes)
}

export const nameOf = ({
  answers,
  bytes,
  concurrency,
  era,
  upstream
}: Pick<CallCase, "answers" | "bytes" | "concurrency" | "era" | "upstream">): string =>
  `${upstream}${upstream === "http" ? ` ${answers}` : ""} ${era} ${concurrency}x${sizeOf(bytes)}`
