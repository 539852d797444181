import { homedir } from 'node:os'
import { join } from 'node:path'

/** What a systemd unit for `glassbox serve` is made from. */
export interface UnitOrder {
  /** Of the machine, in place of the person's own. */
  system: boolean
  /** Program and first arguments: Node and the main file, or the installed program. */
  program: string[]
  /** Further flags of `glassbox serve`. */
  flags: string[]
  /** Absolute; null = the place that systemd gives a system service (/var/lib/glassbox). */
  dataDir: string | null
  /** Whom a system service runs as; null = a user that systemd makes up. */
  user: string | null
  /** Whether a service of the person may have a view of the file system of its own; see `namespacesAllowed`. */
  namespaces: boolean
}

export const UNIT_NAME = 'glassbox.service'

/** Where the unit and the file of its environment lie. */
export function unitPlaces(
  system: boolean,
  environment: Record<string, string | undefined>,
): { unit: string; environmentFile: string } {
  if (system) return { unit: `/etc/systemd/system/${UNIT_NAME}`, environmentFile: '/etc/glassbox/glassbox.env' }
  const config = environment.XDG_CONFIG_HOME || join(homedir(), '.config')
  return {
    unit: join(config, 'systemd', 'user', UNIT_NAME),
    environmentFile: join(config, 'glassbox', 'glassbox.env'),
  }
}

/** What systemd takes away from every service; none of it needs a name space. */
const ALWAYS = [
  'NoNewPrivileges=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictNamespaces=yes',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
  'UMask=0077',
]
/** A view of the machine of its own. */
const NAMESPACES = [
  'ProtectSystem=strict',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
]

/**
 * The unit as text. Memory stays writable and executable, as V8 compiles into it; /proc stays whole, as the host
 * collector reads it.
 */
export function unitText(order: UnitOrder, environmentFile: string): string {
  const { system, program, flags, dataDir, user } = order
  const data = dataDir ?? '/var/lib/glassbox'
  const command = [...program, 'serve', '--data-dir', data, '--no-open', ...flags].map(quoted).join(' ')
  const atHome = [...program, data].some((path) => /^\/(home|root|run\/user)\//.test(path))
  const identity = [
    ...(user === null ? ['DynamicUser=yes'] : [`User=${user}`]),
    ...(dataDir === null ? ['StateDirectory=glassbox', 'StateDirectoryMode=0700'] : []),
  ]
  const hardening = [
    ...ALWAYS,
    ...(system
      ? [
          ...NAMESPACES,
          'ProtectClock=yes',
          'CapabilityBoundingSet=',
          'AmbientCapabilities=',
          `ProtectHome=${atHome ? 'read-only' : 'yes'}`,
        ]
      : order.namespaces
        ? ['PrivateUsers=yes', ...NAMESPACES]
        : []),
    ...((system || order.namespaces) && dataDir !== null ? [`ReadWritePaths=${quoted(dataDir)}`] : []),
  ]
  return `# Written by "glassbox service install". Overrides: systemctl ${system ? '' : '--user '}edit ${UNIT_NAME}
[Unit]
Description=Glassbox: traces, logs and metrics
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
${system ? `${identity.join('\n')}\n` : ''}EnvironmentFile=-${environmentFile.replaceAll('%', '%%')}
ExecStart=${command}
Restart=on-failure
RestartSec=2
TimeoutStopSec=15
# glibc would keep up to 64 MiB a thread of what large queries gave back.
Environment=MALLOC_TRIM_THRESHOLD_=131072
# Wrong usage, damaged data, data of a newer version: another start would not help.
RestartPreventExitStatus=2 4 5
LimitNOFILE=65536
${hardening.join('\n')}

[Install]
WantedBy=${system ? 'multi-user.target' : 'default.target'}
`
}

/** The file of secrets and other settings that the unit reads; its owner's alone. */
export const ENVIRONMENT_TEXT = `# Read by the Glassbox service at its start; keep it private (0600).
# Every flag of "glassbox serve" has a variable.
#GLASSBOX_TOKEN=
#GLASSBOX_HOST=127.0.0.1
#GLASSBOX_ALLOWED_HOSTS=glassbox.example.com
#GLASSBOX_ENGINE=postgres
#GLASSBOX_POSTGRES_URL=postgres://glassbox:PASSWORD@db.internal/glassbox?sslmode=verify-full
`

/** One argument of ExecStart: % and $ stand for themselves, spaces and quotes stay inside. */
function quoted(text: string): string {
  const plain = text.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replace(/["\\]/g, '\\$&')}"`
}
