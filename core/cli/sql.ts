import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { readInstance } from '../base/instance-lock.ts'
import type { SqlResult } from '../storage/store.ts'
import {
  CommandFailure,
  callHost,
  dataDirOf,
  type HostFlags,
  printable,
  wholeNumber,
  withHostFlags,
} from './running-host.ts'

type SqlFlags = HostFlags & { limit: string }

/** Without a host nobody else waits for the reading thread. */
const OFFLINE_TIMEOUT_MS = 10 * 60_000

/** Adds `glassbox sql QUERY`. */
export function register(program: Command): void {
  withHostFlags(program.command('sql <query>'))
    .description('one read-only SELECT over _traces, _logs and _metrics; works without a running Glassbox, too')
    .option('--limit <rows>', 'most rows to print', '1000')
    .addHelpText(
      'after',
      `\nExample: glassbox sql "select service, count(*) from _traces where status = 'ERROR' group by 1"`,
    )
    .action(async (query: string, flags: SqlFlags) => {
      const limit = wholeNumber('--limit', flags.limit)
      const result = await answer(query, limit, flags)
      process.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : table(result))
    })
}

async function answer(query: string, limit: number, flags: SqlFlags): Promise<SqlResult> {
  if (flags.url === undefined && !readInstance(dataDirOf(flags))?.api) return offline(query, limit, dataDirOf(flags))
  try {
    const body = JSON.stringify({ query, limit })
    const headers = { 'content-type': 'application/json' }
    return (await (await callHost(flags, '/api/sql', { method: 'POST', body, headers })).json()) as SqlResult
  } catch (error) {
    // What is left of a host that was killed still names it.
    const gone = error instanceof CommandFailure && error.exitCode === 6
    if (!gone || flags.url !== undefined) throw error
    return offline(query, limit, dataDirOf(flags))
  }
}

/** Reads the data directory itself. Only reads: nothing in it changes, and a host may start meanwhile. */
async function offline(query: string, limit: number, dataDir: string): Promise<SqlResult> {
  if (!existsSync(join(dataDir, 'auxiliary.db')))
    throw new CommandFailure(
      `No Glassbox runs on ${dataDir}, and it holds no telemetry.`,
      'Name another one with --data-dir, or a running Glassbox with --url.',
      6,
    )
  const { startReader } = await import('../storage/sqlite/read/reader.ts')
  const reader = await startReader(dataDir, OFFLINE_TIMEOUT_MS)
  try {
    return await reader.sql(query, limit)
  } finally {
    await reader.stop()
  }
}

function table({ columns, rows, truncated, partial }: SqlResult): string {
  const cell = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
  const lines = [columns, ...rows.map((row) => row.map(cell))].map((row) => row.join('\t'))
  const notes = [
    ...(truncated ? ['(more rows were left out; raise --limit)'] : []),
    ...(partial ? [`(${partial.reason}. ${partial.hint})`] : []),
  ]
  return `${printable([...lines, ...notes].join('\n'))}\n`
}
