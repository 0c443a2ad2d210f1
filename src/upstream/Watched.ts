/** What the callers of a lane wish to be told of: resources that change, tasks that get on. */
import type { SessionKey } from "../domain/ServerId.ts"

/** Counts who wishes what; `onChange` is told when the whole of it has become another. */
export class Watched {
  private readonly sessions = new Map<string, Set<SessionKey>>()
  private readonly followers = new Map<string, number>()
  private readonly onChange: () => void

  constructor(onChange: () => void) {
    this.onChange = onChange
  }

  get uris(): ReadonlyArray<string> {
    return [...this.sessions.keys()]
  }

  get tasks(): ReadonlyArray<string> {
    return [...this.followers.keys()]
  }

  watch(uri: string, session: SessionKey): void {
    const known = this.sessions.get(uri)
    if (known !== undefined) known.add(session)
    else {
      this.sessions.set(uri, new Set([session]))
      this.onChange()
    }
  }

  /** True if nobody is left who watches that resource. */
  unwatch(uri: string, session: SessionKey): boolean {
    const known = this.sessions.get(uri)
    known?.delete(session)
    if (known !== undefined && known.size > 0) return false
    if (this.sessions.delete(uri)) this.onChange()
    return true
  }

  /** Forgets a session; what only it watched. */
  forget(session: SessionKey): ReadonlyArray<string> {
    return this.uris.filter((uri) => this.sessions.get(uri)?.has(session) === true && this.unwatch(uri, session))
  }

  follow(task: string): void {
    const followers = this.followers.get(task) ?? 0
    this.followers.set(task, followers + 1)
    if (followers === 0) this.onChange()
  }

  unfollow(task: string): void {
    const followers = this.followers.get(task)
    if (followers === undefined) return
    if (followers > 1) this.followers.set(task, followers - 1)
    else {
      this.followers.delete(task)
      this.onChange()
    }
  }
}
