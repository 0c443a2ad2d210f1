/** SHA-256 of bearer tokens. Who has shown one shows it with every request, so the last ones are remembered. */
import { createHash } from "node:crypto"

const MAX_REMEMBERED = 1000

/** Longer ones are nobody's that we know. */
const MAX_LENGTH = 4096

const remembered = new Map<string, Buffer>()

/** The digest of a token. Nobody may change it. */
export const digest = (token: string): Buffer => {
  const known = remembered.get(token)
  if (known !== undefined) return known
  const made = createHash("sha256").update(token).digest()
  if (token.length > MAX_LENGTH) return made
  const [oldest] = remembered.keys()
  if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest)
  remembered.set(token, made)
  return made
}
