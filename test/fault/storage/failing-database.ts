import Database from 'better-sqlite3'

export interface Fault {
  /** As SQLite names it. */
  code: string
  /** Which call fails, 1 = the first; later ones too when `sticky`. */
  at: number
  sticky: boolean
}

/**
 * An SQLite file of which the n-th call fails as a failing disk makes it fail: everything that reaches the disk (run, get,
 * all, exec, pragma, and the end of a transaction, where SQLite syncs) is a call. What a failed call did not do is not
 * done: a transaction whose end fails is rolled back, as SQLite does it.
 */
export class FailingDatabase {
  calls = 0
  fired = 0
  fault: Fault | null = null

  readonly open = (path: string): Database.Database => {
    this.#call('open')
    const db = new Database(path)
    const guarded = <T extends object>(target: T, names: readonly string[]): T =>
      new Proxy(target, {
        get: (of, name) => {
          const value = Reflect.get(of, name, of) as unknown
          if (typeof value !== 'function') return value
          return (...args: unknown[]) => {
            if (names.includes(String(name))) this.#call(String(name))
            const result = value.apply(of, args) as unknown
            // `pluck` and the like answer the statement itself.
            if (result === of) return guarded(of, names)
            return name === 'prepare' ? guarded(result as object, ['run', 'get', 'all', 'iterate']) : result
          }
        },
      })
    const connection = guarded(db, ['exec', 'pragma'])
    return new Proxy(connection, {
      get: (of, name) => {
        if (name !== 'transaction') return Reflect.get(of, name, of) as unknown
        return (work: () => void) => {
          const run = db.transaction(() => {
            work()
            this.#call('commit')
          })
          return run
        }
      },
    })
  }

  #call(what: string): void {
    this.calls++
    if (!this.fault || (this.fault.sticky ? this.calls < this.fault.at : this.calls !== this.fault.at)) return
    this.fired++
    throw Object.assign(new Error(`${what} fails, as the test says`), { code: this.fault.code })
  }
}
