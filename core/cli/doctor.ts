import type { Command } from 'commander'
import type { BackupsAnswer, SettingsAnswer, StatusAnswer } from '../api/contract/shapes.ts'
import { readInstance } from '../base/instance-lock.ts'
import { productVersion } from '../version.ts'
import type { Check } from './doctor-check.ts'
import { localChecks } from './doctor-checks.ts'
import { backups } from './doctor-upkeep.ts'
import { CommandFailure, callHost, dataDirOf, type HostFlags, printable, withHostFlags } from './running-host.ts'

/** What `glassbox doctor --json` prints. */
interface Diagnosis {
  version: string
  dataDir: string
  checks: Check[]
  /** Answer of the running host, null when none runs on the data directory. */
  status: StatusAnswer | null
}

/** Adds `glassbox doctor`. */
export function register(program: Command): void {
  withHostFlags(program.command('doctor'))
    .description('check versions, ports, disk, permissions, clock, engine, databases and backups, and say what to do')
    .addHelpText(
      'after',
      '\nExit code 0: nothing is wrong; 1: something is; 4: stored data is damaged; 6: --url does not answer.',
    )
    .action(doctor)
}

async function doctor(flags: HostFlags): Promise<void> {
  const dataDir = dataDirOf(flags)
  const status = await statusOf(flags, dataDir)
  const diagnosis: Diagnosis = {
    version: productVersion,
    dataDir,
    checks: [
      ...(await localChecks(dataDir, status !== null)),
      ...(status ? [...hostChecks(status), ...(await backupsOf(flags))] : []),
    ],
    status,
  }
  process.stdout.write(flags.json ? `${JSON.stringify(diagnosis)}\n` : diagnosisText(diagnosis))
  const wrong = diagnosis.checks.filter(({ ok, advice }) => !ok && !advice)
  if (wrong.some(({ damaged }) => damaged)) process.exitCode = 4
  else if (wrong.length > 0) process.exitCode = 1
}

async function statusOf(flags: HostFlags, dataDir: string): Promise<StatusAnswer | null> {
  if (flags.url === undefined && !readInstance(dataDir)?.api) return null
  try {
    return (await (await callHost(flags, '/api/status')).json()) as StatusAnswer
  } catch (error) {
    // A host that was killed leaves its address behind.
    if (flags.url === undefined && error instanceof CommandFailure && error.exitCode === 6) return null
    throw error
  }
}

async function backupsOf(flags: HostFlags): Promise<Check[]> {
  const ask = async <T>(path: string): Promise<T> => (await (await callHost(flags, path)).json()) as T
  return backups(await ask<BackupsAnswer>('/api/backups'), await ask<SettingsAnswer>('/api/settings'))
}

function hostChecks({ endpoints, storage, intake }: StatusAnswer): Check[] {
  const { otlp, otlpGrpc, api } = endpoints
  return [
    { name: 'running', ok: true, detail: `Glassbox answers at ${api}`, hint: '' },
    ...[otlp, otlpGrpc].map(({ address, problem }) => ({
      name: 'receiver',
      ok: problem === null,
      detail: `${address} ${problem ?? 'takes telemetry'}`,
      hint:
        problem === null ? '' : 'Stop that program, or start Glassbox with another --otlp-port or --otlp-grpc-port.',
    })),
    {
      name: 'storage',
      ok: storage.mode === 'normal',
      detail: `${storage.mode}${storage.modeReason ? `: ${storage.modeReason}` : ''}; ${storage.spans} spans, ${storage.logs} log records`,
      hint: storage.mode === 'normal' ? '' : 'Free space on the disk; writing goes on by itself.',
    },
    ...(storage.damaged?.blocks
      ? [
          {
            name: 'damaged blocks',
            ok: false,
            detail: `${storage.damaged.blocks} stored blocks with ${storage.damaged.rows} rows are damaged and left out of answers`,
            hint: 'Look at the disk of the data directory. The blocks go with retention; the rest is whole.',
            damaged: true,
          },
        ]
      : []),
    ...intake.findings.map(({ kind, peer, detail, count }) => ({
      name: kind,
      ok: false,
      detail: `${detail} (${count}×, ${peer})`,
      hint: '',
      advice: true,
    })),
  ]
}

function diagnosisText({ version, dataDir, checks, status }: Diagnosis): string {
  const wrong = checks.filter(({ ok, advice }) => !ok && !advice).length
  const lines = [
    `Glassbox ${version}, data in ${dataDir}${status ? '' : ', not running'}`,
    ...checks.flatMap(({ name, ok, detail, hint, advice }) => [
      `${ok ? 'ok  ' : advice ? 'note' : 'FAIL'} ${name}: ${detail}`,
      ...(hint ? [`       ${hint}`] : []),
    ]),
    wrong === 0 ? 'Nothing was found wrong.' : `${wrong} of ${checks.length} checks found something wrong.`,
  ]
  return `${printable(lines.join('\n'))}\n`
}
