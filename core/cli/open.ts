import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { type OpenedBundle, pageOfBundle } from '../model/bundle.ts'
import { type ArchiveFlags, secretOf } from './archive-flags.ts'
import { CommandFailure, callHost, type HostFlags, printable, withHostFlags } from './running-host.ts'

interface OpenFlags extends HostFlags, Pick<ArchiveFlags, 'passwordFile'> {
  close?: string
}

/** Adds `glassbox open FILE`. */
export function register(program: Command): void {
  withHostFlags(program.command('open [file]'))
    .description(
      'open a debug bundle that somebody sent, read-only and apart from your own telemetry; without a file: list',
    )
    .option('--password-file <file>', 'file with the password of the bundle')
    .option('--close <id>', 'close a bundle and remove what was taken in of it')
    .action(openBundle)
}

async function openBundle(file: string | undefined, flags: OpenFlags): Promise<void> {
  if (flags.close !== undefined) {
    await callHost(flags, `/api/bundles/${encodeURIComponent(flags.close)}`, { method: 'DELETE' })
    if (flags.json) process.stdout.write(`${JSON.stringify({ closed: flags.close })}\n`)
    return
  }
  if (file === undefined) {
    const { items } = (await (await callHost(flags, '/api/bundles')).json()) as { items: OpenedBundle[] }
    process.stdout.write(flags.json ? `${JSON.stringify(items)}\n` : printable(items.map(line).join('')))
    return
  }
  if (!statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new CommandFailure(`${file} is not a file.`, 'Check the path.', 1)
  const secret = secretOf(flags)
  const answer = await callHost(flags, `/api/bundles?name=${encodeURIComponent(basename(file))}`, {
    method: 'POST',
    body: Readable.toWeb(createReadStream(file)),
    headers: { 'content-type': 'application/octet-stream' },
    duplex: 'half',
  } as RequestInit)
  let bundle = (await answer.json()) as OpenedBundle
  if (bundle.state === 'locked' && secret && 'password' in secret) {
    const unlocked = await callHost(flags, `/api/bundles/${bundle.id}/unlock`, {
      method: 'POST',
      body: JSON.stringify({ password: secret.password }),
      headers: { 'content-type': 'application/json' },
    })
    bundle = (await unlocked.json()) as OpenedBundle
  }
  if (bundle.state === 'locked')
    throw new CommandFailure(`${file} is encrypted.`, 'Give its password by --password-file.', 3)
  process.stdout.write(flags.json ? `${JSON.stringify(bundle)}\n` : printable(line(bundle)))
}

function line(bundle: OpenedBundle): string {
  const { id, file, about } = bundle
  if (!about) return `${id}  ${file}  locked\n`
  const { title, spans, logs, samples } = about
  return `${id}  ${title || file}: ${spans} spans, ${logs} log records, ${samples} samples\n  open ${pageOfBundle(bundle)} in the page\n`
}
