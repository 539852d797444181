import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Problem } from '../api/contract/shapes.ts'
import { readInstance } from '../base/instance-lock.ts'
import { defaultDataDir } from './data-dir.ts'

/** Flags of every command that talks to a running host. */
export interface HostFlags {
  url?: string
  token?: string
  dataDir?: string
  json?: boolean
}

export function withHostFlags(command: Command): Command {
  return command
    .option('--url <url>', 'address of a running Glassbox (default: the one that uses the data directory)')
    .option('--token <token>', 'its api token')
    .option('--data-dir <dir>', 'where data lies')
    .option('--json', 'machine-readable output')
}

/** A failure of a command with the exit code that tells its kind: 1 failed, 2 wrong usage, 4 damaged data, 6 unreachable. */
export class CommandFailure extends Error {
  readonly exitCode: number
  readonly hint: string

  constructor(message: string, hint: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
    this.hint = hint
  }
}

export function dataDirOf(flags: HostFlags): string {
  return resolve(flags.dataDir ?? defaultDataDir())
}

const EXIT_CODES: Record<string, number> = {
  archive_password: 3,
  archive_damaged: 4,
  archive_base_missing: 4,
  archive_version: 5,
  data_newer: 5,
  archive_not_found: 6,
  backup_target: 6,
}

/** What a failure means to the shell; see DESIGN, contracts. */
export function exitCodeOf(error: unknown): number {
  const { exitCode, code } = error as { exitCode?: number; code?: string }
  if (exitCode !== undefined) return exitCode
  if (code !== undefined && Object.hasOwn(EXIT_CODES, code)) return EXIT_CODES[code]
  if (code === 'data_damaged' || code === 'SQLITE_CORRUPT' || code === 'SQLITE_NOTADB') return 4
  return code === 'bad_setting' ? 2 : 1
}

/** A whole number of 1 and above given as a flag. @throws CommandFailure with exit code 2 */
export function wholeNumber(flag: string, value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value)
  throw new CommandFailure(`${flag} ${value} is not a whole number of 1 and above.`, '', 2)
}

/**
 * One request to the running host.
 * @throws CommandFailure with exit code 6 when none is reachable, 4 for damaged data, else 1.
 */
export async function callHost(flags: HostFlags, path: string, init: RequestInit = {}): Promise<Response> {
  const dataDir = dataDirOf(flags)
  const api = flags.url ?? readInstance(dataDir)?.api
  if (!api) {
    throw new CommandFailure(
      `No Glassbox runs on ${dataDir}.`,
      'Start one with glassbox serve, or give --url and --token.',
      6,
    )
  }
  if (!URL.canParse(api))
    throw new CommandFailure(`--url ${api} is not an address.`, 'Give it as http://127.0.0.1:4380.', 2)
  const token = flags.token ?? (process.env.GLASSBOX_TOKEN || readToken(dataDir))
  let response: Response
  try {
    response = await fetch(new URL(path, api), {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${token}` },
    })
  } catch (error) {
    const cause = (error as { cause?: Error }).cause?.message ?? (error as Error).message
    throw new CommandFailure(
      `${api} cannot be reached: ${cause}`,
      'Check that Glassbox runs and that --url is right.',
      6,
    )
  }
  if (response.ok) return response
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem> & { error?: string }
  // Prometheus' routes say what is wrong in `error`.
  const message = problem.detail ?? problem.error ?? `${api} answered ${response.status}.`
  const code = problem.code === 'data_damaged' ? 4 : (EXIT_CODES[problem.code ?? ''] ?? 1)
  throw new CommandFailure(message, problem.hint ?? '', code)
}

function readToken(dataDir: string): string {
  try {
    return readFileSync(join(dataDir, 'token'), 'utf8').trim()
  } catch {
    return ''
  }
}

/** Text of telemetry without control characters, which a terminal would obey. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => (character === '\n' || character === '\t' ? character : '\uFFFD'))
}
