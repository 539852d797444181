import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { defaultDataDir } from './data-dir.ts'
import { CommandFailure, printable, wholeNumber } from './running-host.ts'

interface AgentFlags {
  to?: string
  token?: string
  dataDir?: string
  interval: string
  queueMb: string
  hostName?: string
  json?: boolean
}

const MiB = 1024 * 1024
const MOST_STOP_MS = 9500

/** Adds `glassbox agent`. */
export function register(program: Command): void {
  program
    .command('agent')
    .description('report the figures of this machine to another Glassbox, until stopped')
    .option('--to <url>', 'OTLP address of the other Glassbox, for example http://server:4318')
    .option('--token <token>', 'its token; needed when it listens beyond its own machine')
    .option('--data-dir <dir>', 'where figures wait while it is away')
    .option('--interval <seconds>', 'time between two rounds', '5')
    .option('--queue-mb <megabytes>', 'most that waits on disk; the oldest gives way', '64')
    .option('--host-name <name>', 'name to report (default: that of this machine)')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
GLASSBOX_TO and GLASSBOX_TOKEN stand in for --to and --token. SIGTERM sends what waits and ends with 0.
Exit codes: 2 wrong flags, 3 the token is refused, 6 nothing at that address takes OTLP.
A server that is only down for now is waited for.
Example: glassbox agent --to http://server:4318 --token s3cret`,
    )
    .action(agent)
}

async function agent(flags: AgentFlags): Promise<void> {
  const to = addressOf(flags.to ?? (process.env.GLASSBOX_TO || ''))
  const token = flags.token ?? process.env.GLASSBOX_TOKEN ?? ''
  const intervalMs = wholeNumber('--interval', flags.interval) * 1000
  const queueBytes = wholeNumber('--queue-mb', flags.queueMb) * MiB
  const dataDir = resolve(flags.dataDir ?? join(defaultDataDir(), 'agent'))
  const [{ Agent, AgentRefused }, { InstanceLock }, { systemClock }, { productVersion }] = await Promise.all([
    import('../collectors/agent/agent.ts'),
    import('../base/instance-lock.ts'),
    import('../base/clock.ts'),
    import('../version.ts'),
  ])
  const lock = await InstanceLock.acquire(dataDir)
  const hostName = flags.hostName ?? hostname()
  const running = new Agent({
    to,
    token,
    dataDir,
    queueBytes,
    intervalMs,
    hostName,
    identity: { id: await machineId(), version: productVersion },
    clock: systemClock,
    say: (sentence) => process.stderr.write(`${printable(sentence)}\n`),
    connected: () =>
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ reporting: { host: hostName, to: to.href, intervalSeconds: intervalMs / 1000 } })}\n`
          : `reporting ${hostName} to ${to.href} every ${intervalMs / 1000} s\n`,
      ),
  })
  const stop = (): void => {
    running.stop()
    // What cannot be ended in order within 10 s is cut; the queue on disk outlives it.
    setTimeout(() => process.exit(0), MOST_STOP_MS).unref()
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  try {
    await running.run()
    if (running.waiting > 0) process.stderr.write(`${running.waiting} rounds wait on disk for the next start\n`)
  } catch (error) {
    throw error instanceof AgentRefused ? failureOf(error, to) : error
  } finally {
    lock.release()
  }
}

/** @throws CommandFailure with exit code 2 */
function addressOf(text: string): URL {
  if (text === '') throw new CommandFailure('--to is missing.', 'Give the OTLP address, as http://server:4318.', 2)
  const url = URL.parse(text)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new CommandFailure(`--to ${text} is not an address.`, 'Give it as http://server:4318.', 2)
  return url
}

function failureOf({ kind, message }: { kind: string; message: string }, to: URL): CommandFailure {
  const at = to.href.replace(/\/$/, '')
  if (kind === 'unauthorized')
    return new CommandFailure(
      `${at} refused the token (${message}).`,
      'Give the token of that Glassbox with --token.',
      3,
    )
  if (kind === 'forbidden')
    return new CommandFailure(
      `${at} refuses this sender (${message}).`,
      'Start that Glassbox with --host and --token, or add the name to its server.allowedHosts.',
      1,
    )
  if (kind === 'unknown-host')
    return new CommandFailure(`${at} cannot be found (${message}).`, 'Check the name of the server in --to.', 6)
  return new CommandFailure(
    `${at} takes no OTLP metrics (${message}).`,
    'Give the OTLP address, usually port 4318; the api has another port.',
    6,
  )
}

/** The operating system's id of this machine; empty when it has none. */
async function machineId(): Promise<string> {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim()
  } catch {
    const { uuid } = await import('systeminformation')
    return uuid().then(
      ({ os }) => os,
      () => '',
    )
  }
}
