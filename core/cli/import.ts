import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import type { ImportAnswer } from '../api/contract/shapes.ts'
import { CommandFailure, callHost, type HostFlags, printable, withHostFlags } from './running-host.ts'

type Report = { file: string } & ImportAnswer

/** Adds `glassbox import FILE…`. */
export function register(program: Command): void {
  withHostFlags(program.command('import <files...>'))
    .description(
      'take files of traces, logs and metrics in: OTLP JSON, JSONL and protobuf, Jaeger JSON, Zipkin v2, Prometheus text, OpenMetrics; gzip or zstd inside',
    )
    .addHelpText(
      'after',
      '\n- reads standard input. Exit code 4: a file of which nothing could be read.\nExample: glassbox import traces.jsonl.gz jaeger.json',
    )
    .action(importFiles)
}

async function importFiles(files: string[], flags: HostFlags): Promise<void> {
  for (const file of files) {
    if (file !== '-' && !statSync(file, { throwIfNoEntry: false })?.isFile())
      throw new CommandFailure(`${file} is not a file.`, 'Check the path.', 1)
  }
  const reports: Report[] = []
  for (const file of files) {
    // A file goes as a stream, whatever its size.
    const body = Readable.toWeb(file === '-' ? process.stdin : createReadStream(file))
    const size = file === '-' ? '' : `&size=${Math.max(1, statSync(file).size)}`
    const path = `/api/import?name=${encodeURIComponent(file === '-' ? 'stdin' : basename(file))}${size}`
    const headers = { 'content-type': 'application/octet-stream' }
    const response = await callHost(flags, path, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
    const report = { file, ...((await response.json()) as ImportAnswer) }
    reports.push(report)
    if (!flags.json) process.stdout.write(reportText(report))
  }
  if (flags.json) process.stdout.write(`${JSON.stringify(reports)}\n`)
  const unread = reports.filter(({ spans, logs, points, refused }) => spans + logs + points === 0 && refused.length > 0)
  if (unread.length > 0) {
    const names = unread.map(({ file }) => file).join(', ')
    throw new CommandFailure(`Nothing could be read from ${names}.`, 'The report says why, line by line.', 4)
  }
}

function reportText({ file, traces, spans, logs, points, refused, warnings }: Report): string {
  const lines = [
    `${file}: ${spans} spans of ${traces} traces, ${logs} log records${points > 0 ? `, ${points} metric points` : ''}`,
    ...refused.map(({ line, reason }) => `  line ${line} refused: ${reason}`),
    ...warnings.map((warning) => `  ${warning}`),
  ]
  return `${printable(lines.join('\n'))}\n`
}
