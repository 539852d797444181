import type { Command } from 'commander'
import type { StatusAnswer } from '../api/contract/shapes.ts'
import { callHost, type HostFlags, printable, withExitCode, withHostFlags } from './running-host.ts'

/** Adds `glassbox doctor`. */
export function register(program: Command): void {
  withHostFlags(program.command('doctor'))
    .description('say how a running Glassbox is, and what it found wrong')
    .action((flags: HostFlags) =>
      withExitCode(async () => {
        const status = (await (await callHost(flags, '/api/status')).json()) as StatusAnswer
        process.stdout.write(flags.json ? `${JSON.stringify(status)}\n` : statusText(status))
      }),
    )
}

function statusText({ version, endpoints, storage, intake }: StatusAnswer): string {
  const { otlp, otlpGrpc, api } = endpoints
  const receivers = [otlp, otlpGrpc].map(({ address, problem }) => `  ${address} ${problem ?? 'takes telemetry'}`)
  const findings = intake.findings.map(({ kind, peer, detail, count }) => `  ${kind} (${count}×, ${peer}): ${detail}`)
  const lines = [
    `Glassbox ${version} at ${api}`,
    ...receivers,
    `  storage ${storage.mode}${storage.modeReason ? `: ${storage.modeReason}` : ''}; ${storage.spans} spans, ${storage.logs} log records`,
    findings.length > 0 ? 'Findings:' : 'Nothing was found wrong.',
    ...findings,
  ]
  return `${printable(lines.join('\n'))}\n`
}
