/** How often somebody may do something: so many times a second, and for a moment more. */

interface Bucket {
  /** In thousandths of a token: so a whole number of them flows in with each millisecond, and nothing is ever rounded. */
  content: number
  /** When it held so much; milliseconds. */
  at: number
}

const TOKEN = 1000

/** How many buckets are looked at, for one that is new, to see whether they can be forgotten. */
const LOOKED_AT = 2

/**
 * A bucket of tokens for each key, filled at a steady rate. A full one is as good as none, and is forgotten: there are
 * about as many as keys that were used within the last `burst / perSecond` seconds.
 */
export class TokenBuckets {
  /** Tokens a second are thousandths of one a millisecond. */
  private readonly perMillis: number
  private readonly most: number
  private readonly buckets = new Map<string, Bucket>()
  private oldest = this.buckets.entries()

  /** `perSecond` above 0. A bucket holds `burst` tokens, at least 1. Both are whole numbers. */
  constructor(options: { readonly perSecond: number; readonly burst: number }) {
    this.perMillis = options.perSecond
    this.most = options.burst * TOKEN
  }

  /** How many buckets there are. */
  get size(): number {
    return this.buckets.size
  }

  /** Takes a token; gives 0, or, where there is none, in how many milliseconds there will be one. */
  take(key: string, now: number): number {
    const bucket = this.buckets.get(key)
    if (bucket === undefined) {
      this.forget(now)
      this.buckets.set(key, { content: this.most - TOKEN, at: now })
      return 0
    }
    const content = this.contentOf(bucket, now)
    const hasOne = content >= TOKEN
    bucket.at = now
    bucket.content = hasOne ? content - TOKEN : content
    return hasOne ? 0 : Math.ceil((TOKEN - content) / this.perMillis)
  }

  private contentOf(bucket: Bucket, now: number): number {
    // A clock that is set back takes nothing away.
    return Math.min(this.most, bucket.content + Math.max(0, now - bucket.at) * this.perMillis)
  }

  /** Goes round all buckets, a few steps for each that is added, so that forgetting keeps up with remembering. */
  private forget(now: number): void {
    for (let looked = 0; looked < LOOKED_AT; looked++) {
      const next = this.oldest.next()
      if (next.done === true) {
        this.oldest = this.buckets.entries()
        return
      }
      const [key, bucket] = next.value
      if (this.contentOf(bucket, now) >= this.most) this.buckets.delete(key)
    }
  }
}
