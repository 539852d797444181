import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { readInstance } from '../base/instance-lock.ts'
import { defaultDataDir } from './data-dir.ts'
import { CommandFailure } from './running-host.ts'
import { ENVIRONMENT_TEXT, UNIT_NAME, type UnitOrder, unitPlaces, unitText } from './systemd-unit.ts'

interface ServiceFlags {
  system?: boolean
  dataDir?: string
  user?: string
  print?: boolean
  json?: boolean
}

/** Adds `glassbox service install|uninstall|status`. */
export function register(program: Command): void {
  const service = program
    .command('service')
    .description('run glassbox serve as a service of systemd, from the start of the machine or of your session')
  const flagged = (command: Command): Command =>
    command.option('--system', "of the machine (as root) in place of yours; data in systemd's /var/lib/glassbox")
  flagged(service.command('install [serveFlags...]'))
    .description('write the unit, start it now and at every start')
    .option('--data-dir <dir>', 'where data lies')
    .option('--user <name>', 'whom a --system service runs as (default: a user made up by systemd)')
    .option('--print', 'only print the unit')
    .addHelpText(
      'after',
      `
Flags of serve come after --: glassbox service install -- --api-port 4400
Secrets (token, Postgres) belong into the file of the environment that the install names, not among the flags.
A service of yours ends with your last session unless: loginctl enable-linger`,
    )
    .action(install)
  flagged(service.command('uninstall')).description('stop it and remove the unit; data stays').action(uninstall)
  flagged(service.command('status'))
    .description('whether it is installed, enabled and running')
    .option('--json', 'machine-readable output')
    .action(status)
}

function install(serveFlags: string[], flags: ServiceFlags): void {
  const system = flags.system ?? false
  for (const secret of ['--token', '--postgres-url']) {
    if (serveFlags.some((flag) => flag === secret || flag.startsWith(`${secret}=`)))
      throw new CommandFailure(
        `${secret} would be readable in the unit.`,
        `Write it into ${unitPlaces(system, process.env).environmentFile} instead.`,
        2,
      )
  }
  if (flags.user !== undefined && !/^[a-z_][\w-]{0,31}$/.test(flags.user))
    throw new CommandFailure(`--user ${flags.user} is not the name of a user.`, '', 2)
  if ((flags.user !== undefined) !== (system && flags.dataDir !== undefined))
    throw new CommandFailure(
      'With --system, --data-dir and --user go together: the folder, and whom it belongs to.',
      'Without both, systemd keeps the data in /var/lib/glassbox.',
      2,
    )
  const { unit, environmentFile } = unitPlaces(system, process.env)
  const dataDir =
    flags.dataDir !== undefined ? resolve(flags.dataDir) : system ? null : resolve(defaultDataDir(process.env))
  const order: UnitOrder = {
    system,
    // As this very command was started.
    program: [process.execPath, resolve(process.argv[1])],
    flags: serveFlags,
    dataDir,
    user: flags.user ?? null,
    namespaces: namespacesAllowed(),
  }
  const text = unitText(order, environmentFile)
  if (flags.print) {
    process.stdout.write(text)
    return
  }
  needSystemd(system)
  verify(text)
  if (!system && dataDir !== null) mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  writeOwn(unit, text, 0o644)
  if (!existsSync(environmentFile)) writeOwn(environmentFile, ENVIRONMENT_TEXT, 0o600)
  systemctl(system, 'daemon-reload')
  systemctl(system, 'enable', '--now', UNIT_NAME)
  process.stderr.write(
    `${UNIT_NAME} is installed and runs. Unit: ${unit}; secrets and settings: ${environmentFile}\n` +
      `${system || order.namespaces ? '' : 'This system gives services of users no name spaces: ProtectSystem and PrivateTmp are left out.\n'}` +
      `Its log: journalctl ${system ? '' : '--user '}-u ${UNIT_NAME}\n`,
  )
}

function uninstall(flags: ServiceFlags): void {
  const system = flags.system ?? false
  const { unit, environmentFile } = unitPlaces(system, process.env)
  if (!existsSync(unit)) throw new CommandFailure(`${unit} is not there: nothing is installed.`, '', 1)
  needSystemd(system)
  systemctl(system, 'disable', '--now', UNIT_NAME)
  rmSync(unit)
  systemctl(system, 'daemon-reload')
  process.stderr.write(`${UNIT_NAME} is removed. Data and ${environmentFile} stay.\n`)
}

function status(flags: ServiceFlags): void {
  const system = flags.system ?? false
  const { unit } = unitPlaces(system, process.env)
  const installed = existsSync(unit)
  const word = (verb: string): string => (installed ? ask(system, verb, UNIT_NAME).stdout.trim() || 'unknown' : 'no')
  const command = installed ? (/^ExecStart=(.*)$/m.exec(readFileSync(unit, 'utf8'))?.[1] ?? '') : ''
  const dataDir = /--data-dir ("([^"]*)"|(\S+))/.exec(command)
  const api = dataDir ? (readInstance(dataDir[2] ?? dataDir[3])?.api ?? null) : null
  const answer = { installed, unit, enabled: word('is-enabled'), active: word('is-active'), api }
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(answer)}\n`
      : installed
        ? `${UNIT_NAME}: ${answer.active}, ${answer.enabled}; ${api ?? 'no address'}\nUnit: ${unit}\n`
        : `Not installed: ${unit} is not there. Install it with glassbox service install.\n`,
  )
  if (answer.active !== 'active') process.exitCode = 1
}

/** User name spaces are what a service of a user gets its own view of the file system by; some systems keep them back. */
function namespacesAllowed(): boolean {
  const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8').trim() : '')
  return (
    read('/proc/sys/kernel/unprivileged_userns_clone') !== '0' &&
    read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') !== '1' &&
    read('/proc/sys/user/max_user_namespaces') !== '0'
  )
}

function needSystemd(system: boolean): void {
  const found = spawnSync('systemctl', ['--version'], { stdio: 'ignore' })
  if (found.error || found.status !== 0)
    throw new CommandFailure(
      `There is no systemd on this machine (${process.platform}).`,
      process.platform === 'linux'
        ? 'Print the unit with --print, or start glassbox serve by what your system has.'
        : 'The desktop app starts with your session: Settings, Desktop app, desktop.openAtLogin.',
      1,
    )
  if (system && process.getuid?.() !== 0)
    throw new CommandFailure('A service of the machine is installed by root.', 'Use sudo, or leave --system out.', 1)
}

/** What systemd itself finds wrong with the unit, before it lies where systemd looks. */
function verify(text: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'glassbox-unit-'))
  try {
    const file = join(folder, UNIT_NAME)
    writeFileSync(file, text)
    const { status, error, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
    if (error || status === 0) return
    throw new CommandFailure(`systemd does not take the unit: ${stderr.trim()}`, 'Print it with --print.', 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function writeOwn(file: string, text: string, mode: number): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, { mode })
  } catch (error) {
    throw new CommandFailure(`${file} cannot be written: ${(error as Error).message}`, 'Check its permissions.', 1)
  }
}

function ask(system: boolean, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const scope = system ? [] : ['--user']
  return spawnSync('systemctl', [...scope, ...args], { encoding: 'utf8', cwd: homedir() })
}

function systemctl(system: boolean, ...args: string[]): void {
  const { status, stderr } = ask(system, ...args)
  if (status !== 0)
    throw new CommandFailure(
      `systemctl ${args.join(' ')} failed: ${stderr.trim()}`,
      'The unit lies where it belongs; try that command again.',
      1,
    )
}
