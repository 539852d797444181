import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { constants, hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { StatusAnswer } from '../api/contract/shapes.ts'
import { OutputSender } from './output-sender.ts'
import { followOutput } from './program-output.ts'
import { CommandFailure, callHost, type HostFlags, withHostFlags } from './running-host.ts'

type RunFlags = HostFlags & { service?: string; output: boolean }
type Environment = Record<string, string | undefined>

const NODE_SDK = '@opentelemetry/auto-instrumentations-node'

/** Adds `glassbox run -- CMD`. */
export function register(program: Command): void {
  withHostFlags(program.command('run <command> [args...]'))
    .description('run a program with its OpenTelemetry SDK pointed at the running Glassbox')
    .option('--service <name>', "service.name to report (default: OTEL_SERVICE_NAME, else the program's name)")
    .option('--no-output', 'do not keep stdout and stderr as logs; the program then writes to the terminal itself')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Sets OTEL_EXPORTER_OTLP_ENDPOINT and _PROTOCOL, the exporters, OTEL_SERVICE_NAME, and a service.instance.id, so that each
start is a run of its own. What the program writes to stdout and stderr is kept as logs of its service, with the level that a
line names. Traces and metrics need an OpenTelemetry SDK in the program; for Node, ${NODE_SDK} is loaded
when it is installed where the program runs.
The exit code is the program's; 128 + n when signal n ended it, 127 when it could not be started.
Example: glassbox run --service cart -- node server.js`,
    )
    .action(run)
}

async function run(command: string, args: string[], flags: RunFlags): Promise<void> {
  const { endpoints } = (await (await callHost(flags, '/api/status')).json()) as StatusAnswer
  if (!endpoints.otlp.listening)
    throw new CommandFailure(
      `${endpoints.otlp.address} takes no telemetry: ${endpoints.otlp.problem}`,
      'Run glassbox doctor.',
      6,
    )
  const service = flags.service ?? (process.env.OTEL_SERVICE_NAME || serviceOf(command, args))
  const environment = telemetryEnvironment(process.env, endpoints.otlp.address, service)
  const sdk = isNode(command) ? nodeSdk(process.cwd()) : null
  if (sdk)
    environment.NODE_OPTIONS = [process.env.NODE_OPTIONS, `--require ${JSON.stringify(sdk)}`].filter(Boolean).join(' ')
  const note = isNode(command) && !sdk ? `; no SDK was found: npm install ${NODE_SDK}, or start one in the program` : ''
  process.stderr.write(`${service} sends its telemetry to ${endpoints.otlp.address}${note}\n`)
  const sender = flags.output ? new OutputSender(endpoints.otlp.address, resourceOf(environment)) : null
  try {
    process.exitCode = await exitCodeOfProgram(command, args, environment, sender)
  } finally {
    const lost = (await sender?.end()) ?? 0
    if (lost > 0)
      process.stderr.write(`${lost} lines of ${service} were not kept: Glassbox took no logs, or fewer than came\n`)
  }
}

/** The environment with every OTLP variable pointing at `endpoint`; addresses for single signals would win and go. */
export function telemetryEnvironment(environment: Environment, endpoint: string, service: string): Environment {
  const pointed: Environment = {
    ...environment,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_LOGS_EXPORTER: 'otlp',
    OTEL_METRICS_EXPORTER: 'otlp',
    OTEL_SERVICE_NAME: service,
    OTEL_RESOURCE_ATTRIBUTES: withInstance(environment.OTEL_RESOURCE_ATTRIBUTES ?? ''),
    // Shown within a second, where the default waits for five.
    OTEL_BSP_SCHEDULE_DELAY: environment.OTEL_BSP_SCHEDULE_DELAY ?? '500',
    OTEL_BLRP_SCHEDULE_DELAY: environment.OTEL_BLRP_SCHEDULE_DELAY ?? '500',
  }
  delete pointed.OTEL_SDK_DISABLED
  for (const signal of ['TRACES', 'LOGS', 'METRICS']) {
    delete pointed[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]
    delete pointed[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`]
  }
  return pointed
}

/** Each start is a run of its own, unless the program is told which instance it is. */
function withInstance(attributes: string): string {
  if (/(^|,)\s*service\.instance\.id\s*=/.test(attributes)) return attributes
  return [attributes, `service.instance.id=${randomUUID()}`].filter(Boolean).join(',')
}

/** What the program's own telemetry says of its resource, as far as the environment tells. */
function resourceOf(environment: Environment): Record<string, string> {
  const pairs = (environment.OTEL_RESOURCE_ATTRIBUTES ?? '').split(',').map((pair) => pair.split('='))
  const told = pairs.filter((pair) => pair.length === 2).map(([key, value]) => [key.trim(), decoded(value.trim())])
  return { 'host.name': hostname(), ...Object.fromEntries(told), 'service.name': environment.OTEL_SERVICE_NAME ?? '' }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `node server.js` is called server; any other program by its own name. */
function serviceOf(command: string, args: string[]): string {
  const inline = args.some((arg) => /^(-e|-p|-pe|--eval|--print)$/.test(arg))
  const script = isNode(command) && !inline ? args.find((arg) => !arg.startsWith('-')) : undefined
  return basename(script ?? command).replace(/\.[cm]?[jt]s$/, '')
}

function isNode(command: string): boolean {
  return /^(node|nodejs|npm|npx|pnpm|yarn|tsx)(\.exe|\.cmd)?$/.test(basename(command))
}

/** The file that loads Node's automatic instrumentation, if it is installed in `folder` or above. */
function nodeSdk(folder: string): string | null {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = join(at, 'node_modules', NODE_SDK, 'build/src/register.js')
    if (existsSync(file)) return file
    if (dirname(at) === at) return null
  }
}

/** How long what a program left running may hold its output open after its end, ms. */
const LEFT_RUNNING_MS = 1000

function exitCodeOfProgram(
  command: string,
  args: string[],
  environment: Environment,
  sender: OutputSender | null,
): Promise<number> {
  return new Promise((resolveCode, reject) => {
    const env = (sender ? { ...colours(), ...environment } : environment) as NodeJS.ProcessEnv
    const child = spawn(command, args, { stdio: sender ? ['inherit', 'pipe', 'pipe'] : 'inherit', env })
    for (const stream of ['stdout', 'stderr'] as const) {
      const from = child[stream]
      if (sender && from) void followOutput(stream, from, process[stream], (entry) => sender.add(entry))
    }
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
    const forward = (signal: NodeJS.Signals): void => {
      child.kill(signal)
    }
    for (const signal of signals) process.on(signal, forward)
    child.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? 'there is no such program' : error.message
      reject(new CommandFailure(`${command} could not be started: ${reason}.`, 'Check its name and the PATH.', 127))
    })
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      for (const each of signals) process.removeListener(each, forward)
      resolveCode(code ?? 128 + (signal ? constants.signals[signal] : 0))
    }
    child.once('close', ended)
    child.once('exit', (code, signal) => {
      const give = (): void => {
        for (const stream of [child.stdout, child.stderr]) stream?.destroy()
        ended(code, signal)
      }
      setTimeout(give, LEFT_RUNNING_MS).unref()
    })
  })
}

/** Programs colour what goes to a terminal; ours stands between. */
function colours(): Environment {
  return process.stdout.isTTY && !process.env.NO_COLOR ? { FORCE_COLOR: '1', CLICOLOR_FORCE: '1' } : {}
}
