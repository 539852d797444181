import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import { type Handlers, serveRpc } from '../base/rpc.ts'
import { boardMethods } from './board-table.ts'
import { pinMethods } from './pin-table.ts'

/** The one thread that writes settings, jobs, boards, pins and notes to glassbox.db: a slow disk keeps nobody else waiting. */
if (!parentPort) throw new Error('config-writer.worker.ts runs as a worker')
const { file } = workerData as { file: string }
let db: Database.Database | null = null

interface JobRow {
  id: string
  createdAt: number
  body: string
  secret: string | null
}

function writing<T>(what: string, work: (db: Database.Database) => T): T {
  try {
    if (!db) {
      db = new Database(file, { timeout: 5000, fileMustExist: true })
      db.pragma('synchronous = FULL')
    }
    return work(db)
  } catch (error) {
    if (error instanceof GlassboxError) throw error
    throw new GlassboxError('storage_unavailable', `${what} not saved: ${(error as Error).message}`)
  }
}

type Method = (db: Database.Database, argument: never) => unknown
const served = (what: string, methods: Record<string, Method>): Handlers =>
  Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [
      name,
      (argument: never) => writing(what, (db) => db.transaction(() => method(db, argument))()),
    ]),
  )

serveRpc(parentPort, {
  ...served('boards were', boardMethods),
  ...served('pins and notes were', pinMethods),
  /** Saves all changes or none, null being the default; they are on disk when it answers. */
  save: ({ changes, nowUs }: { changes: Record<string, unknown>; nowUs: number }) =>
    writing('the settings were', (db) => {
      const save = db.prepare(
        'insert into setting values (?, ?, ?) on conflict (key) do update set value = excluded.value, updated_at = excluded.updated_at',
      )
      const forget = db.prepare('delete from setting where key = ?')
      db.transaction(() => {
        for (const [key, value] of Object.entries(changes)) {
          if (value === null) forget.run(key)
          else save.run(key, JSON.stringify(value), nowUs)
        }
      })()
    }),
  saveJob: (job: JobRow) =>
    writing('the job was', (db) => {
      db.prepare(
        `insert into job (id, created_at, body, secret) values (@id, @createdAt, @body, @secret)
         on conflict (id) do update set body = excluded.body, secret = excluded.secret`,
      ).run(job)
    }),
  removeJobs: (ids: string[]) =>
    writing('the list of jobs was', (db) => {
      db.prepare('delete from job where id in (select value from json_each(?))').run(JSON.stringify(ids))
    }),
  close: () => {
    db?.close()
    db = null
  },
})
