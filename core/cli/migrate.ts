import { resolve } from 'node:path'
import type { Command } from 'commander'
import { GlassboxError } from '../base/errors.ts'
import type { Job } from '../model/job.ts'
import { CommandFailure, callHost } from './running-host.ts'

interface MigrateFlags {
  from: string
  to: string
  since?: string
  existing: string
  json?: boolean
}

/** What the flags ask for: one side is the file of a data directory, the other a Postgres. */
interface Asked {
  dataDir: string
  postgresUrl: string
  to: 'sqlite' | 'postgres'
  move: 'all' | { since: number }
  existing: 'refuse' | 'keep' | 'delete'
}

/** Something to follow until it ends. */
interface Followed {
  job(): Promise<Job>
  /** Leaves the job so that it goes on later. */
  interrupt(): Promise<void>
}

const LOOK_MS = 250
const EXIT_CODES: Record<string, number> = {
  postgres_login: 3,
  data_damaged: 4,
  move_differs: 4,
  postgres_too_old: 5,
  postgres_unreachable: 6,
  postgres_url: 2,
  bad_request: 2,
}

/** Adds `glassbox migrate`. */
export function register(program: Command): void {
  program
    .command('migrate')
    .description('move telemetry between the file of a data directory and a Postgres, verified, and use the new engine')
    .requiredOption('--from <where>', 'sqlite:DIR or postgres://…')
    .requiredOption('--to <where>', 'the other of the two')
    .option('--since <time>', 'leave older telemetry behind; RFC 3339 or µs')
    .option('--existing <what>', 'telemetry the target holds already: refuse, keep or delete', 'refuse')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nA Glassbox that runs on the directory does the move itself and keeps receiving. Interrupted, the same command goes on.\nExit codes: 3 wrong password, 4 the copy differs, 6 Postgres unreachable.\nExample: glassbox migrate --from sqlite:~/.local/share/glassbox --to postgres://user@db/obs',
    )
    .action(migrate)
}

async function migrate(flags: MigrateFlags): Promise<void> {
  const asked = await readFlags(flags)
  const { InstanceLock } = await import('../base/instance-lock.ts')
  let followed: Followed
  let close = async (): Promise<void> => undefined
  try {
    const lock = await InstanceLock.acquire(asked.dataDir)
    const own = await here(asked).catch((error: unknown) => {
      lock.release()
      throw error
    })
    followed = own
    close = async () => {
      await own.close()
      lock.release()
    }
  } catch (error) {
    if (!(error instanceof GlassboxError)) throw error
    if (error.code !== 'already_running') throw withExitCode(error)
    followed = await inRunningHost(asked)
  }
  try {
    const job = await follow(followed, flags.json === true)
    if (flags.json) process.stdout.write(`${JSON.stringify(job)}\n`)
    else if (job.state === 'done') process.stdout.write(`${doneText(job)}\n`)
    if (job.state === 'done') return
    if (job.error) throw withExitCode(job.error)
    throw new CommandFailure('The move was interrupted.', 'The same command goes on where it was.', 1)
  } finally {
    await close()
  }
}

async function readFlags(flags: MigrateFlags): Promise<Asked> {
  const { parseTime } = await import('../api/contract/parameters.ts')
  const fileOf = (where: string): string | null => (where.startsWith('sqlite:') ? where.slice('sqlite:'.length) : null)
  const from = fileOf(flags.from)
  const to = fileOf(flags.to)
  if ((from === null) === (to === null)) {
    throw new CommandFailure('One of --from and --to is sqlite:DIR, the other postgres://….', '', 2)
  }
  const since = flags.since === undefined ? null : parseTime(flags.since)
  if (flags.since !== undefined && since === null) {
    throw new CommandFailure(`--since ${flags.since} is not a time.`, 'Write it as 2026-11-30T00:00:00Z.', 2)
  }
  if (flags.existing !== 'refuse' && flags.existing !== 'keep' && flags.existing !== 'delete') {
    throw new CommandFailure(`--existing ${flags.existing} is not refuse, keep or delete.`, '', 2)
  }
  const folder = from ?? to ?? ''
  if (folder === '') throw new CommandFailure('sqlite: names no directory.', 'Write it as sqlite:DIR.', 2)
  return {
    dataDir: resolve(folder),
    postgresUrl: from === null ? flags.from : flags.to,
    to: to === null ? 'postgres' : 'sqlite',
    move: since === null ? 'all' : { since },
    existing: flags.existing,
  }
}

async function inRunningHost(asked: Asked): Promise<Followed> {
  const host = { dataDir: asked.dataDir }
  const body = {
    url: asked.to === 'sqlite' ? 'sqlite:' : asked.postgresUrl,
    move: asked.move,
    existing: asked.existing,
  }
  const started = await callHost(host, '/api/storage/switch', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const { id } = (await started.json()) as Job
  return {
    job: async () => (await (await callHost(host, `/api/jobs/${id}`)).json()) as Job,
    // The host goes on by itself.
    interrupt: async () => undefined,
  }
}

/** Nobody runs on the directory: the job runs here, kept where a host would find it, too. */
async function here(asked: Asked): Promise<Followed & { close(): Promise<void> }> {
  const [
    { systemClock },
    { ConfigStore },
    { loadSettings },
    { JobRegistry },
    { switchInput, switchJob },
    { Engines },
    { StoreSwitch },
  ] = await Promise.all([
    import('../base/clock.ts'),
    import('../config/config-store.ts'),
    import('../config/load-settings.ts'),
    import('../jobs/job-registry.ts'),
    import('../migrate/switch-job.ts'),
    import('../storage/open-store.ts'),
    import('../storage/store-switch.ts'),
  ])
  const { dataDir, to, postgresUrl } = asked
  const from = to === 'sqlite' ? 'postgres' : 'sqlite'
  const { settings, sources } = loadSettings({ dataDir, flags: {}, environment: {} })
  const log = {
    info: () => undefined,
    warn: (_: object, text: string) => process.stderr.write(`${text}\n`),
    error: (_: object, text: string) => process.stderr.write(`${text}\n`),
  }
  const config = new ConfigStore(dataDir, settings, sources)
  const engines = new Engines({ dataDir, settings, log })
  const jobs = new JobRegistry(config, systemClock, { info: () => undefined, error: () => undefined })
  const close = async (): Promise<void> => {
    await jobs.stop()
    await engines.stop()
    await config.close()
  }
  try {
    const store = new StoreSwitch(await engines.open({ engine: from, postgresUrl }))
    // Nothing else writes here.
    const parts = {
      engines,
      store,
      settings: config,
      holdWrites: async () => undefined,
      releaseWrites: () => undefined,
    }
    jobs.register(switchJob(parts))
    const unfinished = jobs.list().find(({ kind, endedAt }) => kind === 'switch' && endedAt === null)
    if (unfinished && (unfinished.input as { to: string }).to !== to) {
      throw new CommandFailure(
        'Another move on this directory is not finished.',
        'Run it again to its end, or cancel it in Settings → Storage.',
        1,
      )
    }
    const { input, secret } = switchInput(to === 'sqlite' ? 'sqlite:' : postgresUrl, asked.move, asked.existing, from)
    if (unfinished) await jobs.resume()
    const { id } = unfinished ?? (await jobs.start('switch', input, secret))
    return { job: async () => jobs.get(id), interrupt: () => jobs.stop(), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function follow({ job, interrupt }: Followed, quiet: boolean): Promise<Job> {
  let interrupted = false
  const onSignal = (): void => {
    interrupted = true
    void interrupt()
  }
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  let shown = ''
  try {
    for (;;) {
      const now = await job()
      const text = progressText(now)
      if (!quiet && text !== shown) process.stderr.write(`${text}\n`)
      shown = text
      if (now.endedAt !== null || now.state === 'interrupted' || interrupted) return now
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
  } finally {
    process.removeListener('SIGINT', onSignal)
    process.removeListener('SIGTERM', onSignal)
  }
}

/** One line a tenth of the way, not one a look. */
function progressText({ state, progress }: Job): string {
  if (state !== 'running') return state
  const { phase, done, total } = progress
  return total ? `${phase} ${Math.min(100, Math.floor((done * 10) / total) * 10)} %` : phase
}

function doneText({ result }: Job): string {
  const { engine, spans, logs, samples, days, seconds, kept } = result as Record<string, string | number>
  return `Moved ${spans} spans, ${logs} log records and ${samples} metric samples to ${engine} in ${seconds} s; counts and sums of ${days} signal-days are equal. ${kept} keeps its copy.`
}

function withExitCode({ code, message, hint }: { code: string; message: string; hint: string }): CommandFailure {
  return new CommandFailure(message, hint, EXIT_CODES[code] ?? 1)
}
