import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { StatusAnswer } from '../api/contract/shapes.ts'
import { CommandFailure, callHost, type HostFlags, withHostFlags } from './running-host.ts'

type RunFlags = HostFlags & { service?: string }
type Environment = Record<string, string | undefined>

const NODE_SDK = '@opentelemetry/auto-instrumentations-node'

/** Adds `glassbox run -- CMD`. */
export function register(program: Command): void {
  withHostFlags(program.command('run <command> [args...]'))
    .description('run a program with its OpenTelemetry SDK pointed at the running Glassbox')
    .option('--service <name>', "service.name to report (default: OTEL_SERVICE_NAME, else the program's name)")
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Sets OTEL_EXPORTER_OTLP_ENDPOINT and _PROTOCOL, the exporters, and OTEL_SERVICE_NAME. The program needs an OpenTelemetry
SDK of its own; for Node, ${NODE_SDK} is loaded when it is installed where the program runs.
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
  process.exitCode = await exitCodeOfProgram(command, args, environment)
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

/** `node server.js` is called server; any other program by its own name. */
function serviceOf(command: string, args: string[]): string {
  const script = isNode(command) ? args.find((arg) => !arg.startsWith('-')) : undefined
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

function exitCodeOfProgram(command: string, args: string[], environment: Environment): Promise<number> {
  return new Promise((resolveCode, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: environment as NodeJS.ProcessEnv })
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
    const forward = (signal: NodeJS.Signals): void => {
      child.kill(signal)
    }
    for (const signal of signals) process.on(signal, forward)
    child.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? 'there is no such program' : error.message
      reject(new CommandFailure(`${command} could not be started: ${reason}.`, 'Check its name and the PATH.', 127))
    })
    child.once('close', (code, signal) => {
      for (const each of signals) process.removeListener(each, forward)
      resolveCode(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}
