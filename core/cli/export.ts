import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, Option } from 'commander'
import { EXPORT_FORMATS, EXPORT_KINDS, EXPORT_SIGNALS, type ExportFormat, type ExportSignal } from '../model/export.ts'
import { CommandFailure, callHost, type HostFlags, withHostFlags } from './running-host.ts'

interface ExportFlags extends HostFlags {
  format: ExportFormat
  signal: ExportSignal
  start?: string
  end?: string
  q?: string
  service?: string
  output?: string
  out?: string
}

/** Adds `glassbox export [TRACEID]`. */
export function register(program: Command): void {
  withHostFlags(program.command('export [traceId]'))
    .description('write one trace, or what a search finds, as a file')
    .addOption(new Option('--format <format>', 'form of the file').choices(EXPORT_FORMATS).default('otlp'))
    .addOption(new Option('--signal <signal>', 'what to export').choices(EXPORT_SIGNALS).default('traces'))
    .option('--start <time>', 'RFC 3339 or µs since 1970 (default: an hour before the end)')
    .option('--end <time>', 'the same (default: now)')
    .option('--q <filter>', 'filter of traces and logs, as in the page; for metrics a selector such as {job="shop"}')
    .option('--service <name>', 'of this service only (traces, logs)')
    .option('-o, --output <file>', 'file to write (default: standard output)')
    .addOption(new Option('--out <file>', 'the same').hideHelp())
    .addHelpText(
      'after',
      `
otlp is one JSON document a line; otlp-protobuf is one message. Logs and metrics have otlp, otlp-protobuf, parquet and
csv, metrics prometheus, too. A trace by its id comes with its logs, in otlp, jaeger or zipkin.
Examples: glassbox export 5b8efff798038103d269b633813fc60c --format jaeger -o trace.json
          glassbox export --q 'status=error' --start 2026-01-05T10:00:00Z --end 2026-01-05T11:00:00Z --format csv -o errors.csv`,
    )
    .action(exportTelemetry)
}

async function exportTelemetry(given: string | undefined, flags: ExportFlags): Promise<void> {
  const path = given === undefined ? pathOfSearch(flags) : pathOfTrace(given, flags)
  const response = await callHost(flags, path)
  if (!response.body) throw new CommandFailure('The answer was empty.', 'Try again.', 1)
  const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream)
  const output = flags.output ?? flags.out
  if (output === undefined) {
    for await (const chunk of body) {
      if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve))
    }
    if (given !== undefined) process.stdout.write('\n')
    return
  }
  const file = createWriteStream(output)
  await pipeline(body, file)
  const told = given === undefined ? { signal: flags.signal } : { traceId: given.toLowerCase() }
  if (flags.json)
    process.stdout.write(
      `${JSON.stringify({ file: output, ...told, format: flags.format, bytes: file.bytesWritten })}\n`,
    )
  else process.stderr.write(`${output} written\n`)
}

function pathOfTrace(given: string, { format }: ExportFlags): string {
  const traceId = given.toLowerCase()
  if (!/^[0-9a-f]{32}$/.test(traceId))
    throw new CommandFailure(`${given} is not a trace id.`, 'It has 32 hex digits.', 2)
  if (!['otlp', 'jaeger', 'zipkin'].includes(format))
    throw new CommandFailure(`One trace is written as otlp, jaeger or zipkin, not as ${format}.`, '', 2)
  return `/api/traces/${traceId}/export?format=${format}`
}

function pathOfSearch({ signal, format, start, end, q, service }: ExportFlags): string {
  const { signals } = EXPORT_KINDS[format]
  if (!signals.includes(signal))
    throw new CommandFailure(`${format} has no form for ${signal}.`, `It takes ${signals.join(', ')}.`, 2)
  const query = new URLSearchParams({ signal, format })
  for (const [name, value] of Object.entries({ start, end, q, service })) if (value) query.set(name, value)
  return `/api/export?${query}`
}
