import { readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { parseTime } from '../api/contract/parameters.ts'
import type { ArchiveSecret } from '../backup/archive/archive-key.ts'
import type { ArchivePlace } from '../backup/archive-place.ts'
import { chainOf, listArchives } from '../backup/keep-plan.ts'
import type { Hooks } from '../backup/operations.ts'
import { parseArchiveName } from '../backup/targets/archive-name.ts'
import { localFolder } from '../backup/targets/local-folder.ts'
import { GlassboxError } from '../base/errors.ts'
import { CommandFailure } from './running-host.ts'

/** Flags of every command that opens archives. */
export interface ArchiveFlags {
  passwordFile?: string
  keyFile?: string
  json?: boolean
}

export function withArchiveFlags(command: Command): Command {
  return command
    .option('--password-file <file>', 'file with the password of the archive, its end of line left out')
    .option('--key-file <file>', 'file that is the key of the archive, instead of a password')
    .option('--json', 'machine-readable output')
}

/** @throws CommandFailure with exit code 2 when a file cannot be read or both are given */
export function secretOf({ passwordFile, keyFile }: ArchiveFlags): ArchiveSecret | null {
  if (passwordFile !== undefined && keyFile !== undefined)
    throw new CommandFailure('--password-file and --key-file exclude each other.', '', 2)
  const file = passwordFile ?? keyFile
  if (file === undefined) return null
  try {
    const bytes = readFileSync(file)
    if (keyFile !== undefined) return { keyFile: bytes }
    const password = bytes.toString('utf8').replace(/\r?\n$/, '')
    if (password === '') throw new CommandFailure(`${file} holds no password.`, '', 2)
    return { password }
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    throw new CommandFailure(`${file} cannot be read: ${(error as Error).message}`, '', 2)
  }
}

/** A time given as a flag, µs; null when it is not given. @throws CommandFailure with exit code 2 */
export function timeFlag(flag: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const us = parseTime(text)
  if (us === null) throw new CommandFailure(`${flag} ${text} is no time.`, 'Write it as 2026-11-30T12:00:00Z.', 2)
  return us
}

/**
 * The chain that ends in a file, oldest first; archives that it adds to lie beside it.
 * @throws GlassboxError `archive_not_found`, `archive_base_missing`
 */
export async function chainBeside(file: string): Promise<ArchivePlace[]> {
  const path = resolve(file)
  if (!statSync(path, { throwIfNoEntry: false })?.isFile())
    throw new GlassboxError('archive_not_found', `${file} is not a file`)
  const folder = dirname(path)
  const name = basename(path)
  if (!parseArchiveName(name)) return [{ file: path }]
  const all = listArchives(await localFolder(folder).list())
  const own = all.find((one) => one.name === name)
  if (!own) return [{ file: path }]
  const { chain, missing } = chainOf(own, all)
  if (missing !== null) {
    throw new GlassboxError(
      'archive_base_missing',
      `${name} adds to an archive whose id begins with ${missing}, and that is not in ${folder}`,
    )
  }
  return chain.map((one) => ({ file: join(folder, one.name) }))
}

/** Progress on stderr of a terminal, and cancelling by Ctrl-C. */
export function commandHooks(quiet: boolean): Hooks & { end(): void } {
  const control = new AbortController()
  const stop = (): void => control.abort(new CommandFailure('Cancelled; nothing was left behind.', '', 1))
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const show = !quiet && process.stderr.isTTY
  let shown = 0
  return {
    signal: control.signal,
    progress({ phase, done, total }) {
      if (!show || performance.now() - shown < 200) return
      shown = performance.now()
      const share = total ? ` ${Math.floor((done / total) * 100)} %` : ''
      process.stderr.write(`\r\x1b[K${phase}: ${mib(done)}${share}`)
    },
    end() {
      process.removeListener('SIGINT', stop)
      process.removeListener('SIGTERM', stop)
      if (show) process.stderr.write('\r\x1b[K')
    },
  }
}

export const mib = (bytes: number): string => `${(bytes / 1048576).toFixed(1)} MiB`
