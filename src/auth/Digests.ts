/** SHA-256 of bearer tokens. Who has shown one shows it with every request, so the last ones are remembered. */
import { createHash } from "node:crypto"
import { remembering } from "../domain/Remembering.ts"

/** How many are remembered; longer ones are nobody's that we know. */
export const TOKENS = { texts: 1000, length: 4096 }

/** The digest of a token. Nobody may change it. */
export const digest = remembering((token): Buffer => createHash("sha256").update(token).digest(), TOKENS)

/** The same in Base64. */
export const digestText = remembering((token) => digest(token).toString("base64"), TOKENS)
