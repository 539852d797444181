import { randomUUID } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Selection } from '../backup/restore-telemetry.ts'
import { type ArchiveFlags, chainBeside, commandHooks, secretOf, timeFlag, withArchiveFlags } from './archive-flags.ts'
import { defaultDataDir } from './data-dir.ts'

interface RestoreFlags extends ArchiveFlags {
  dataDir?: string
  config: boolean
  telemetry: boolean
  safetyBackup: boolean
  start?: string
  end?: string
  service?: string
}

/** Adds `glassbox restore FILE`: replaces what the data directory holds. */
export function register(program: Command): void {
  withArchiveFlags(program.command('restore <file>'))
    .description(
      'replace what a data directory holds by an archive and those that it adds to; Glassbox must not run on it',
    )
    .option('--data-dir <dir>', 'where data lies')
    .option('--no-config', 'leave the settings as they are')
    .option('--no-telemetry', 'restore the settings only')
    .option('--start <time>', 'only telemetry from this time on, RFC 3339')
    .option('--end <time>', 'only telemetry before this time')
    .option('--service <name>', 'only telemetry of this service')
    .option('--no-safety-backup', 'do not keep what is there now in backups/ first')
    .addHelpText(
      'after',
      '\nExit codes: 3 wrong password, 4 damaged, 5 made by a newer Glassbox; the data directory is then as it was.',
    )
    .action(restore)
}

function selectionOf(flags: RestoreFlags): Selection {
  return {
    telemetry: flags.telemetry,
    config: flags.config,
    start: timeFlag('--start', flags.start),
    end: timeFlag('--end', flags.end),
    service: flags.service ?? null,
  }
}

async function restore(file: string, flags: RestoreFlags): Promise<void> {
  const [{ restoreOffline }, { InstanceLock }, { productVersion }] = await Promise.all([
    import('../backup/restore-offline.ts'),
    import('../base/instance-lock.ts'),
    import('../version.ts'),
  ])
  const selection = selectionOf(flags)
  const secret = secretOf(flags)
  const places = await chainBeside(file)
  const dataDir = resolve(flags.dataDir ?? defaultDataDir())
  const isNew = !existsSync(dataDir)
  const lock = await InstanceLock.acquire(dataDir)
  const hooks = commandHooks(flags.json === true)
  const begun = performance.now()
  let ok = false
  try {
    const order = { dataDir, places, secret, selection, safetyBackup: flags.safetyBackup, product: productVersion }
    const done = await restoreOffline({ ...order, id: randomUUID() }, hooks)
    ok = true
    hooks.end()
    const seconds = (performance.now() - begun) / 1000
    if (flags.json) process.stdout.write(`${JSON.stringify({ ok: true, ...done, seconds })}\n`)
    else {
      const { spans, logs, samples } = done
      const safety = done.safetyBackup ? `\nWhat was there before: ${done.safetyBackup}` : ''
      process.stdout.write(
        `${dataDir}: ${spans} spans, ${logs} log records, ${samples} samples restored in ${seconds.toFixed(1)} s${safety}\n`,
      )
      for (const warning of done.warnings) process.stderr.write(`${warning}\n`)
    }
  } finally {
    hooks.end()
    lock.release()
    // A folder that was made for nothing goes again.
    if (!ok && isNew)
      for (const left of ['instance.lock', 'instance.json', 'restore'])
        rmSync(join(dataDir, left), { recursive: true, force: true })
  }
}
