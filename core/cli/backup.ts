import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { ArchiveSecret } from '../backup/archive/archive-key.ts'
import type { BackupKind, Manifest } from '../backup/archive/manifest.ts'
import type { ArchivePlace } from '../backup/archive-place.ts'
import type { BackupContentChoice } from '../model/backup.ts'
import { type ArchiveFlags, commandHooks, mib, secretOf, timeFlag, withArchiveFlags } from './archive-flags.ts'
import { defaultDataDir } from './data-dir.ts'
import { CommandFailure } from './running-host.ts'

interface BackupFlags extends ArchiveFlags {
  dataDir?: string
  to: string
  kind: BackupKind
  only?: string[]
  start?: string
  end?: string
}

const PARTS = ['traces', 'logs', 'metrics', 'settings'] as const

/** Adds `glassbox backup`: works beside a running host and without one. */
export function register(program: Command): void {
  withArchiveFlags(program.command('backup'))
    .description('write an archive of telemetry and settings; works beside a running Glassbox')
    .option('--data-dir <dir>', 'where data lies')
    .requiredOption(
      '--to <place>',
      'file, folder, s3://KEY:SECRET@HOST/BUCKET, sftp://USER:PASSWORD@HOST/FOLDER, or the name of a target of the settings',
    )
    .addOption(new Option('--kind <kind>', 'what to write').choices(['full', 'incremental', 'config']).default('full'))
    .addOption(
      new Option('--only <parts...>', 'a part only, which nothing can be added to later')
        .choices(PARTS)
        .conflicts('kind'),
    )
    .option('--start <time>', 'a part only: telemetry from this time on, RFC 3339 or µs')
    .option('--end <time>', 'a part only: telemetry before this time')
    .addHelpText('after', '\nExample: glassbox backup --to /mnt/backups --kind incremental --password-file key.txt')
    .action(backup)
}

/** What of the store; null = all. @throws CommandFailure with exit code 2 */
function contentOf({ only, start, end }: BackupFlags): BackupContentChoice | null {
  if (only === undefined && start === undefined && end === undefined) return null
  const has = (part: (typeof PARTS)[number]): boolean => only === undefined || only.includes(part)
  return {
    traces: has('traces'),
    logs: has('logs'),
    metrics: has('metrics'),
    settings: has('settings'),
    start: timeFlag('--start', start),
    end: timeFlag('--end', end),
  }
}

async function backup(flags: BackupFlags): Promise<void> {
  const content = contentOf(flags)
  const dataDir = resolve(flags.dataDir ?? defaultDataDir())
  const secret = secretOf(flags)
  if (
    !statSync(join(dataDir, 'auxiliary.db'), { throwIfNoEntry: false }) &&
    !statSync(join(dataDir, 'glassbox.db'), { throwIfNoEntry: false })
  )
    throw new CommandFailure(`${dataDir} holds no data of Glassbox.`, 'Name another one with --data-dir.', 1)
  const [
    { loadSettings },
    { backupToFile },
    { readConfigTables },
    { SecretBox },
    { openTarget, isTargetAddress },
    { productVersion },
  ] = await Promise.all([
    import('../config/load-settings.ts'),
    import('../backup/operations.ts'),
    import('../backup/config-tables.ts'),
    import('../config/secret-box.ts'),
    import('../backup/targets/open-target.ts'),
    import('../version.ts'),
  ])
  const { settings } = loadSettings({ dataDir, flags: {}, environment: process.env })
  const named = settings.backup.targets.find(({ name }) => name === flags.to)
  const address = named?.address ?? flags.to
  const privateKey = named?.privateKey || null
  const remote = isTargetAddress(address)
  const folder = remote || statSync(address, { throwIfNoEntry: false })?.isDirectory() || /[\\/]$/.test(address)
  const place = folder ? address : dirname(resolve(address))
  const target = await openTarget(place, privateKey)
  const hooks = commandHooks(flags.json === true)
  const work = remote ? mkdtempSync(join(dataDir, 'upload-')) : null
  try {
    const base =
      flags.kind === 'incremental'
        ? await newestBase(target, remote ? { target: place, privateKey } : null, resolve(place), secret)
        : null
    const { tables, warnings } = readConfigTables(dataDir, secret ? new SecretBox(dataDir) : null)
    const to = work ? { folder: work } : folder ? { folder: resolve(address) } : { file: resolve(address) }
    const begun = performance.now()
    const kind = content ? ('part' as const) : flags.kind
    const config = content?.settings === false ? [] : tables
    const order = { dataDir, storage: settings.storage, kind, base, content, config, warnings, secret }
    const done = await backupToFile({ ...order, product: productVersion, nowUs: Date.now() * 1000, to }, hooks)
    const name = basename(done.file)
    if (work) {
      const progress = (bytes: number): void =>
        hooks.progress({ phase: 'upload', done: bytes, total: done.bytes, unit: 'bytes' })
      await target.upload(done.file, name, { signal: hooks.signal, progress })
    }
    hooks.end()
    report(flags, { ...done, name, seconds: (performance.now() - begun) / 1000, remote })
  } finally {
    hooks.end()
    if (work) rmSync(work, { recursive: true, force: true })
    await target.close()
  }
}

/** The manifest of the newest archive that an incremental one can add to. */
async function newestBase(
  target: Awaited<ReturnType<typeof import('../backup/targets/open-target.ts').openTarget>>,
  remote: { target: string; privateKey: string | null } | null,
  folder: string,
  secret: ArchiveSecret | null,
): Promise<Manifest | null> {
  const [{ chainOf, holdsAll, listArchives }, { inspectPlaces }] = await Promise.all([
    import('../backup/keep-plan.ts'),
    import('../backup/operations.ts'),
  ])
  const all = listArchives(await target.list())
  const newest = all.find((one) => holdsAll(one) && chainOf(one, all).missing === null)
  if (!newest)
    throw new CommandFailure(
      'There is no full backup that this one could add to.',
      'Take one with --kind full first.',
      1,
    )
  const places: ArchivePlace[] = chainOf(newest, all).chain.map(({ name }) =>
    remote ? { ...remote, name } : { file: join(folder, name) },
  )
  return (await inspectPlaces({ places, secret })).at(-1) ?? null
}

function report(
  flags: BackupFlags,
  {
    file,
    name,
    bytes,
    manifest,
    seconds,
    remote,
  }: { file: string; name: string; bytes: number; manifest: Manifest; seconds: number; remote: boolean },
): void {
  const rows = (signal: string): number =>
    manifest.days.filter((day) => day.signal === signal).reduce((sum, day) => sum + day.rows, 0)
  const counts = { spans: rows('traces'), logs: rows('logs'), samples: rows('metrics') }
  const raw = manifest.parts.reduce((sum, part) => sum + part.raw, 0)
  if (flags.json) {
    const { archive, kind, base, createdAt, digest, warnings } = manifest
    const about = { archive, kind, base: base?.archive ?? null, createdAt, digest, ...counts, bytes, seconds, warnings }
    process.stdout.write(`${JSON.stringify(remote ? { name, ...about } : { file, ...about })}\n`)
    return
  }
  const what = `${counts.spans} spans, ${counts.logs} log records, ${counts.samples} samples`
  process.stdout.write(`${remote ? name : file}: ${what}, ${mib(bytes)} of ${mib(raw)} in ${seconds.toFixed(1)} s\n`)
  for (const warning of manifest.warnings) process.stderr.write(`${warning}\n`)
}
