import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import { type Job, jobEnded } from '../model/job.ts'
import { type ArchiveFlags, secretOf } from './archive-flags.ts'
import { CommandFailure, callHost, type HostFlags, printable, withHostFlags } from './running-host.ts'

interface BundleFlags extends HostFlags, Pick<ArchiveFlags, 'passwordFile'> {
  title?: string
  note?: string
  around?: string
  logs: boolean
  metrics: boolean
  removeKey: string[]
  output?: string
}

const POLL_MS = 100

/** Adds `glassbox bundle TRACEID…`. */
export function register(program: Command): void {
  withHostFlags(program.command('bundle <traceIds...>'))
    .description('write traces with their logs and the metrics around them as one redacted file for another person')
    .option('--title <text>', 'what it is about')
    .option('--note <text>', 'what the other person should know')
    .option('--around <duration>', 'how much before and after the traces metrics are taken, such as 5m')
    .option('--no-logs', 'leave the logs of the traces out')
    .option('--no-metrics', 'leave metrics out')
    .option(
      '--remove-key <key>',
      'attribute key that is left out, besides those of the settings; may be repeated',
      collect,
      [],
    )
    .option('--password-file <file>', 'encrypt it with the password in this file')
    .option('-o, --output <file>', 'file to write (default: named after the title)')
    .addHelpText(
      'after',
      '\nThe other person drops the file on the window of a Glassbox, or runs glassbox open FILE.\nExample: glassbox bundle 5b8efff798038103d269b633813fc60c --title "slow checkout" -o slow.bundle.glassbox',
    )
    .action(makeBundle)
}

const collect = (value: string, all: string[]): string[] => [...all, value]

async function makeBundle(traceIds: string[], flags: BundleFlags): Promise<void> {
  for (const id of traceIds)
    if (!/^[0-9a-fA-F]{32}$/.test(id)) throw new CommandFailure(`${id} is not a trace id.`, 'It has 32 hex digits.', 2)
  const secret = secretOf(flags)
  const { title, note, around, logs, metrics, removeKey: removeKeys } = flags
  const body = {
    traceIds,
    title,
    note,
    around,
    logs,
    metrics,
    removeKeys,
    ...(secret && 'password' in secret ? { password: secret.password } : {}),
  }
  const json = { 'content-type': 'application/json' }
  const asked = await callHost(flags, '/api/bundles/make', {
    method: 'POST',
    headers: json,
    body: JSON.stringify(body),
  })
  let job = (await asked.json()) as Job
  while (!jobEnded(job)) {
    await setTimeout(POLL_MS)
    job = (await (await callHost(flags, `/api/jobs/${job.id}`)).json()) as Job
  }
  if (job.state !== 'done')
    throw new CommandFailure(job.error?.message ?? `The bundle was ${job.state}.`, job.error?.hint ?? '', 1)
  const result = job.result as { file: string; warnings: string[] }
  const output = flags.output ?? result.file
  const answer = await callHost(flags, `/api/export/${job.id}/file`)
  await pipeline(Readable.fromWeb(answer.body as import('node:stream/web').ReadableStream), createWriteStream(output))
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...result, file: output })}\n`)
  else process.stderr.write(printable([...result.warnings, `${output} written\n`].join('\n')))
}
