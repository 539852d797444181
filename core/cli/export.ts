import type { Command } from 'commander'
import { callHost, type HostFlags, withExitCode, withHostFlags } from './running-host.ts'

/** Adds `glassbox export TRACEID`. */
export function register(program: Command): void {
  withHostFlags(program.command('export <traceId>'))
    .description('print one trace as a file')
    .option('--format <format>', 'otlp, jaeger or zipkin', 'otlp')
    .action((traceId: string, flags: HostFlags & { format: string }) =>
      withExitCode(async () => {
        const format = encodeURIComponent(flags.format)
        const response = await callHost(flags, `/api/traces/${encodeURIComponent(traceId)}/export?format=${format}`)
        process.stdout.write(`${await response.text()}\n`)
      }),
    )
}
