import { createReadStream, statSync } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import type { ImportAnswer } from '../api/contract/shapes.ts'
import { CommandFailure, callHost, type HostFlags, printable, withExitCode, withHostFlags } from './running-host.ts'

/** Adds `glassbox import FILE…`. */
export function register(program: Command): void {
  withHostFlags(program.command('import <files...>'))
    .description('take trace and log files in (OTLP, Jaeger, Zipkin JSON)')
    .action((files: string[], flags: HostFlags) => withExitCode(() => importFiles(files, flags)))
}

async function importFiles(files: string[], flags: HostFlags): Promise<void> {
  const reports: ({ file: string } & ImportAnswer)[] = []
  for (const file of files) {
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
      throw new CommandFailure(`${file} is not a file.`, 'Check the path.', 1)
    }
    const body = Readable.toWeb(createReadStream(file))
    const path = `/api/import?name=${encodeURIComponent(basename(file))}`
    const headers = { 'content-type': 'application/octet-stream' }
    const response = await callHost(flags, path, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
    reports.push({ file, ...((await response.json()) as ImportAnswer) })
  }
  process.stdout.write(flags.json ? `${JSON.stringify(reports)}\n` : reports.map(reportText).join(''))
}

function reportText({ file, traces, spans, logs, refused, warnings }: { file: string } & ImportAnswer): string {
  const lines = [
    `${file}: ${spans} spans of ${traces} traces, ${logs} log records`,
    ...refused.map(({ line, reason }) => `  line ${line} refused: ${reason}`),
    ...warnings.map((warning) => `  ${warning}`),
  ]
  return `${printable(lines.join('\n'))}\n`
}
