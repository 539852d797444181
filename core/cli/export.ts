import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { CommandFailure, callHost, type HostFlags, withHostFlags } from './running-host.ts'

type ExportFlags = HostFlags & { format: string; output?: string }

/** Adds `glassbox export TRACEID`. */
export function register(program: Command): void {
  withHostFlags(program.command('export <traceId>'))
    .description('write one trace as JSON')
    .addOption(
      new Option('--format <format>', 'form of the file').choices(['otlp', 'jaeger', 'zipkin']).default('otlp'),
    )
    .option('-o, --output <file>', 'file to write (default: standard output)')
    .addHelpText('after', '\nExample: glassbox export 5b8efff798038103d269b633813fc60c --format jaeger -o trace.json')
    .action(exportTrace)
}

async function exportTrace(given: string, flags: ExportFlags): Promise<void> {
  const traceId = given.toLowerCase()
  if (!/^[0-9a-f]{32}$/.test(traceId))
    throw new CommandFailure(`${given} is not a trace id.`, 'It has 32 hex digits.', 2)
  const response = await callHost(flags, `/api/traces/${traceId}/export?format=${flags.format}`)
  if (!response.body) throw new CommandFailure('The answer was empty.', 'Try again.', 1)
  const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream)
  if (flags.output === undefined) {
    for await (const chunk of body) process.stdout.write(chunk)
    process.stdout.write('\n')
    return
  }
  await pipeline(body, createWriteStream(flags.output))
  if (flags.json) process.stdout.write(`${JSON.stringify({ file: flags.output, traceId, format: flags.format })}\n`)
  else process.stderr.write(`${flags.output} written\n`)
}
