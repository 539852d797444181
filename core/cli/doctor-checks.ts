import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { arch, platform, release } from 'node:os'
import { dirname, join } from 'node:path'
import { loadSettings } from '../config/load-settings.ts'
import type { Settings } from '../config/settings.ts'
import { bind, portProblem } from '../receivers/listen.ts'
import { checkBlocks } from '../storage/sqlite/check-blocks.ts'
import type { Check } from './doctor-check.ts'
import { clock, engine } from './doctor-upkeep.ts'

const MiB = 1024 * 1024
/** Below this much free space a busy day fills the disk. */
const LOW_DISK_BYTES = 1024 * MiB

/** What can be checked from outside: machine, data directory, and, while no host runs, its ports. */
export async function localChecks(dataDir: string, running: boolean): Promise<Check[]> {
  const checks = [versions(), folder(dataDir), disk(dataDir), clock(dataDir), ...(await databases(dataDir))]
  return running ? checks : [...checks, ...(await whatAStartNeeds(dataDir))]
}

function versions(): Check {
  return {
    name: 'versions',
    ok: true,
    detail: `Node ${process.versions.node}, ${platform()} ${release()} ${arch()}`,
    hint: '',
  }
}

function folder(dataDir: string): Check {
  const place = nearest(dataDir)
  try {
    accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    return {
      name: 'data directory',
      ok: false,
      detail: `${place} cannot be written: ${(error as Error).message}`,
      hint: 'Correct its permissions, or choose another one with --data-dir.',
    }
  }
  if (!existsSync(dataDir))
    return { name: 'data directory', ok: true, detail: `${dataDir} will be made at the first start`, hint: '' }
  const open = platform() !== 'win32' && (statSync(dataDir).mode & 0o077) !== 0
  const bytes = readdirSync(dataDir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
  return {
    name: 'data directory',
    ok: !open,
    detail: `${dataDir} holds ${(bytes / MiB).toFixed(1)} MiB${open ? ' and can be read by other users' : ''}`,
    hint: open ? `Run chmod 700 ${dataDir}` : '',
    advice: open,
  }
}

function disk(dataDir: string): Check {
  const place = nearest(dataDir)
  const { bavail, bsize } = statfsSync(place)
  const free = bavail * bsize
  const low = free < LOW_DISK_BYTES
  return {
    name: 'disk space',
    ok: !low,
    detail: `${Math.floor(free / MiB)} MiB are free where the data lies`,
    hint: low ? 'Free some space, or lower retention.traces.bytes.' : '',
  }
}

function nearest(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearest(dirname(path))
}

async function databases(dataDir: string): Promise<Check[]> {
  const files = ['glassbox.db', 'auxiliary.db'].filter((file) => existsSync(join(dataDir, file)))
  if (files.length === 0) return []
  const { default: Database } = await import('better-sqlite3')
  return files.map((file) => {
    const name = `database ${file}`
    const hint = 'Restore a backup, or move the file away to start empty.'
    try {
      const db = new Database(join(dataDir, file), { readonly: true, fileMustExist: true, timeout: 5000 })
      try {
        const found = db.pragma('quick_check(1)', { simple: true })
        if (found !== 'ok') return { name, ok: false, detail: String(found), hint, damaged: true }
        const damaged = file === 'auxiliary.db' ? checkBlocks(db).damaged : []
        if (damaged.length > 0)
          return {
            name,
            ok: false,
            detail: `${damaged.length} stored blocks are damaged, the first: ${damaged[0].message}`,
            hint: 'Answers leave them out and say so. Look at the disk; the blocks go with retention.',
            damaged: true,
          }
        return {
          name,
          ok: true,
          detail: `whole, SQLite ${String(db.prepare('select sqlite_version()').pluck().get())}`,
          hint: '',
        }
      } finally {
        db.close()
      }
    } catch (error) {
      const code = (error as { code?: string }).code ?? ''
      const damaged = code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB'
      return {
        name,
        ok: false,
        detail: (error as Error).message,
        hint: damaged ? hint : 'Check the permissions of the file.',
        damaged,
      }
    }
  })
}

/** Settings that can be read, an engine that answers, ports that are free. */
async function whatAStartNeeds(dataDir: string): Promise<Check[]> {
  let settings: Settings
  try {
    settings = loadSettings({ dataDir, flags: {}, environment: process.env }).settings
  } catch (error) {
    const { message, hint = '', code } = error as Error & { hint?: string; code?: string }
    return [{ name: 'settings', ok: false, detail: message, hint, damaged: code === 'data_damaged' }]
  }
  return [await engine(settings), ...(await ports(settings))]
}

/** Whether the ports that a start would use are free, else which program holds them. */
function ports({ server }: Settings): Promise<Check[]> {
  const wanted: [string, number, string][] = [
    ['api port', server.apiPort, '--api-port'],
    ['OTLP/HTTP port', server.otlpPort, '--otlp-port'],
    ['OTLP/gRPC port', server.otlpGrpcPort, '--otlp-grpc-port'],
  ]
  return Promise.all(
    wanted.map(async ([name, port, flag]) => {
      const probe = createServer()
      try {
        await bind(probe, server.host, port)
        return { name, ok: true, detail: `${port === 0 ? 'any free one' : port} can be opened`, hint: '' }
      } catch (error) {
        const detail = portProblem(error as NodeJS.ErrnoException, port)
        return { name, ok: false, detail, hint: `Stop that program, or choose another port with ${flag}.` }
      } finally {
        probe.close()
      }
    }),
  )
}
