/** AES-GCM as the platform has it, but for its threads: what is sealed and opened is so at once, in the order of asking. */
import { createCipheriv, createDecipheriv, createSecretKey, KeyObject, webcrypto } from "node:crypto"

interface Parameters {
  readonly iv: Uint8Array
  readonly additionalData: Uint8Array
}

type Key = webcrypto.CryptoKey
type Usages = ReadonlyArray<webcrypto.KeyUsage>

const ALGORITHM = "aes-256-gcm"
const TAG_LENGTH = 16

export interface Cipher {
  /** How often it has been used. Whoever uses it goes on in turns of the platform's own. */
  readonly uses: () => number
  readonly uninstall: () => void
}

/** Takes the place of the platform's for this process. */
export const install = (): Cipher => {
  let uses = 0
  const importKey = (_: string, raw: Uint8Array, algorithm: string, __: boolean, usages: Usages): Promise<Key> => {
    uses++
    return Promise.resolve(createSecretKey(raw).toCryptoKey(algorithm, true, usages))
  }
  const encrypt = ({ additionalData, iv }: Parameters, key: Key, plain: Uint8Array): Promise<Uint8Array> => {
    uses++
    const cipher = createCipheriv(ALGORITHM, KeyObject.from(key), iv).setAAD(additionalData)
    return Promise.resolve(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]))
  }
  const decrypt = ({ additionalData, iv }: Parameters, key: Key, sealed: Uint8Array): Promise<Uint8Array> => {
    uses++
    return Promise.resolve().then(() => {
      const decipher = createDecipheriv(ALGORITHM, KeyObject.from(key), iv).setAAD(additionalData)
      decipher.setAuthTag(sealed.subarray(-TAG_LENGTH))
      return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_LENGTH)), decipher.final()])
    })
  }
  const { subtle } = webcrypto
  const replaced = { importKey, encrypt, decrypt }
  for (const [name, value] of Object.entries(replaced))
    Object.defineProperty(subtle, name, { value, configurable: true })
  return {
    uses: () => uses,
    uninstall: () => {
      for (const name of Object.keys(replaced)) Reflect.deleteProperty(subtle, name)
    }
  }
}
