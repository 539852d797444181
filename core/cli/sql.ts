import type { Command } from 'commander'
import type { SqlResult } from '../storage/store.ts'
import { callHost, type HostFlags, printable, withExitCode, withHostFlags } from './running-host.ts'

/** Adds `glassbox sql QUERY`. */
export function register(program: Command): void {
  withHostFlags(program.command('sql <query>'))
    .description('one read-only SELECT over _traces and _logs')
    .option('--limit <rows>', 'most rows to print', '1000')
    .action((query: string, flags: HostFlags & { limit: string }) => withExitCode(() => runSql(query, flags)))
}

async function runSql(query: string, flags: HostFlags & { limit: string }): Promise<void> {
  const body = JSON.stringify({ query, limit: Number(flags.limit) })
  const headers = { 'content-type': 'application/json' }
  const response = await callHost(flags, '/api/sql', { method: 'POST', body, headers })
  const result = (await response.json()) as SqlResult
  process.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : table(result))
}

function table({ columns, rows, truncated }: SqlResult): string {
  const cell = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
  const lines = [columns, ...rows.map((row) => row.map(cell))].map((row) => row.join('\t'))
  return `${printable(lines.join('\n'))}\n${truncated ? '(more rows were left out; raise --limit)\n' : ''}`
}
