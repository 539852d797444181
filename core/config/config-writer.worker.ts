import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import { serveRpc } from '../base/rpc.ts'

/** The one thread that writes settings to glassbox.db: a slow disk keeps nobody else waiting. */
if (!parentPort) throw new Error('config-writer.worker.ts runs as a worker')
const { file } = workerData as { file: string }
let db: Database.Database | null = null

serveRpc(parentPort, {
  /** Saves all changes or none; they are on disk when it answers. */
  save: ({ changes, nowUs }: { changes: Record<string, unknown>; nowUs: number }) => {
    try {
      if (!db) {
        db = new Database(file, { timeout: 5000, fileMustExist: true })
        db.pragma('synchronous = FULL')
      }
      const save = db.prepare(
        'insert into setting values (?, ?, ?) on conflict (key) do update set value = excluded.value, updated_at = excluded.updated_at',
      )
      db.transaction(() => {
        for (const [key, value] of Object.entries(changes)) save.run(key, JSON.stringify(value), nowUs)
      })()
    } catch (error) {
      throw new GlassboxError('storage_unavailable', `the settings were not saved: ${(error as Error).message}`)
    }
  },
  close: () => {
    db?.close()
    db = null
  },
})
