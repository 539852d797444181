import { type ChildProcess, spawn } from 'node:child_process'
import type { StorageStats, WriteResult } from '../../../core/storage/store.ts'

const CHILD = new URL('./child.ts', import.meta.url).pathname

export interface StorageFailure {
  code: string | null
  message: string
  hint: string | null
}

/** A storage engine in a process of its own; see child.ts. */
export class StorageProcess {
  readonly #child: ChildProcess
  #next = 1
  #waiting = new Map<number, { resolve(value: unknown): void; reject(error: StorageFailure | Error): void }>()
  readonly exited: Promise<number | null>

  /**
   * Starts it. With `mount`, a shell command, it gets mounts of its own that nobody else sees; with `env`, further
   * variables; with `user`, it runs as that one, which only root may ask for.
   */
  static async start(options: {
    dataDir: string
    reserveBytes?: number
    mount?: string
    env?: Record<string, string>
    user?: number
  }): Promise<StorageProcess> {
    const { dataDir, reserveBytes = 1_000_000, mount, env, user } = options
    const run = [process.execPath, CHILD, dataDir, String(reserveBytes)]
    const shell = mount ? ['unshare', '-rm', 'sh', '-c', `${mount} && exec "$@"`, 'sh', ...run] : run
    const process_ = new StorageProcess(
      spawn(shell[0], shell.slice(1), {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        env: { ...process.env, ...env },
        ...(user !== undefined && { uid: user, gid: user }),
      }),
    )
    await process_.#answer<void>(0)
    return process_
  }

  private constructor(child: ChildProcess) {
    this.#child = child
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
    child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: StorageFailure }) => {
      const waiter = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) waiter?.reject(error)
      else waiter?.resolve(value)
    })
    child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the storage process ended: ${code ?? signal}`))
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  #answer<T>(id: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
    })
  }

  ask<T>(name: string, argument: unknown = null): Promise<T> {
    const id = this.#next++
    const answer = this.#answer<T>(id)
    this.#child.send({ id, name, argument })
    return answer
  }

  /** Writes rows `from` .. `from + count`; null where the storage was not to be had, anything else is thrown. */
  async write(from: number, count: number, textBytes?: number): Promise<WriteResult | null> {
    try {
      return await this.ask<WriteResult>('write', { from, count, textBytes })
    } catch (error) {
      if ((error as StorageFailure).code === 'storage_unavailable') return null
      throw error
    }
  }

  stats(): Promise<StorageStats> {
    return this.ask('stats')
  }

  ids(): Promise<{ spans: number[]; logs: number[] }> {
    return this.ask('ids')
  }

  problems(): Promise<string[]> {
    return this.ask('problems')
  }

  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.exited
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }
}
