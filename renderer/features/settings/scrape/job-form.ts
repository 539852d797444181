/** A scrape job as the settings have it; what the form does not show stays as it was. */
export interface SavedJob {
  job: string
  scheme?: 'http' | 'https'
  metricsPath?: string
  intervalMs?: number
  timeoutMs?: number
  honorLabels?: boolean
  static?: { targets: string[]; labels?: Record<string, string> }[]
  files?: string[]
  dns?: { names: string[] }[]
  auth?: { type: 'none' | 'basic' | 'bearer'; username?: string; file?: string }
  tls?: { caFile?: string; certFile?: string; keyFile?: string; serverName?: string; insecureSkipVerify?: boolean }
  proxyUrl?: string
  relabel?: object[]
  metricRelabel?: object[]
  [more: string]: unknown
}

/** The form's fields, all as text; times are seconds. */
export interface JobFields {
  job: string
  scheme: 'http' | 'https'
  metricsPath: string
  interval: string
  timeout: string
  honorLabels: boolean
  /** One target a line; `name=value, …` behind it gives labels. */
  targets: string
  /** One path a line. */
  files: string
  auth: 'none' | 'basic' | 'bearer'
  username: string
  secretFile: string
  caFile: string
  certFile: string
  keyFile: string
  serverName: string
  insecureSkipVerify: boolean
  proxyUrl: string
  /** YAML, as prometheus.yml has it. */
  relabel: string
  metricRelabel: string
}

export type JobFault =
  | 'name'
  | 'nameTwice'
  | 'targets'
  | 'label'
  | 'interval'
  | 'timeout'
  | 'user'
  | 'secretFile'
  | 'pair'
  | 'proxy'

const secondsText = (ms: number | undefined): string => (ms === undefined ? '' : String(ms / 1000))
const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

function groupLines({ targets, labels = {} }: { targets: string[]; labels?: Record<string, string> }): string[] {
  const shown = Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
  return targets.map((target) => (shown === '' ? target : `${target} ${shown}`))
}

/** @param yaml writes rules as text */
export function fieldsOf(job: SavedJob | null, yaml: (rules: object[]) => string): JobFields {
  return {
    job: job?.job ?? '',
    scheme: job?.scheme ?? 'http',
    metricsPath: job?.metricsPath ?? '/metrics',
    interval: secondsText(job?.intervalMs),
    timeout: secondsText(job?.timeoutMs),
    honorLabels: job?.honorLabels ?? false,
    targets: (job?.static ?? []).flatMap(groupLines).join('\n'),
    files: (job?.files ?? []).join('\n'),
    auth: job?.auth?.type ?? 'none',
    username: job?.auth?.username ?? '',
    secretFile: job?.auth?.file ?? '',
    caFile: job?.tls?.caFile ?? '',
    certFile: job?.tls?.certFile ?? '',
    keyFile: job?.tls?.keyFile ?? '',
    serverName: job?.tls?.serverName ?? '',
    insecureSkipVerify: job?.tls?.insecureSkipVerify ?? false,
    proxyUrl: job?.proxyUrl ?? '',
    relabel: yaml(job?.relabel ?? []),
    metricRelabel: yaml(job?.metricRelabel ?? []),
  }
}

/** Targets that have the same labels make one group, in the order in which they stand; null where a label cannot be read. */
function readTargets(text: string): NonNullable<SavedJob['static']> | null {
  const groups = new Map<string, { targets: string[]; labels: Record<string, string> }>()
  for (const line of lines(text)) {
    const [, target, labelText] = /^(\S+)\s*(.*)$/.exec(line) ?? []
    const labels: Record<string, string> = {}
    for (const pair of labelText.split(/\s*,\s*/).filter(Boolean)) {
      const [, name, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(pair) ?? []
      if (name === undefined) return null
      labels[name] = value
    }
    const key = JSON.stringify(Object.entries(labels).sort())
    const group = groups.get(key) ?? { targets: [], labels }
    group.targets.push(target)
    groups.set(key, group)
  }
  return [...groups.values()]
}

function readSeconds(text: string, least: number): number | undefined | null {
  if (text.trim() === '') return undefined
  const seconds = Number(text)
  return Number.isFinite(seconds) && seconds >= least ? Math.round(seconds * 1000) : null
}

/**
 * The job that the fields describe.
 * @param base what the form does not show is taken from it
 * @param others names that are taken
 */
export function jobOf(
  fields: JobFields,
  rules: { relabel: object[]; metricRelabel: object[] },
  base: SavedJob | null,
  others: readonly string[],
): { job: SavedJob; fault: null } | { job: null; fault: JobFault } {
  const fail = (fault: JobFault): { job: null; fault: JobFault } => ({ job: null, fault })
  const name = fields.job.trim()
  if (name === '') return fail('name')
  if (others.includes(name)) return fail('nameTwice')
  const groups = readTargets(fields.targets)
  if (groups === null) return fail('label')
  const files = lines(fields.files)
  if (groups.length + files.length + (base?.dns?.length ?? 0) === 0) return fail('targets')
  const intervalMs = readSeconds(fields.interval, 1)
  if (intervalMs === null) return fail('interval')
  const timeoutMs = readSeconds(fields.timeout, 0.1)
  if (timeoutMs === null || (timeoutMs !== undefined && intervalMs !== undefined && timeoutMs > intervalMs))
    return fail('timeout')
  if (fields.auth === 'basic' && fields.username.trim() === '') return fail('user')
  if (fields.auth !== 'none' && fields.secretFile.trim() === '') return fail('secretFile')
  if ((fields.certFile.trim() === '') !== (fields.keyFile.trim() === '')) return fail('pair')
  if (fields.proxyUrl.trim() !== '' && !/^https?:\/\/./.test(fields.proxyUrl.trim())) return fail('proxy')
  const { intervalMs: _interval, timeoutMs: _timeout, ...kept } = base ?? {}
  return {
    fault: null,
    job: {
      ...kept,
      job: name,
      scheme: fields.scheme,
      metricsPath: fields.metricsPath.trim() || '/metrics',
      ...(intervalMs === undefined ? {} : { intervalMs }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      honorLabels: fields.honorLabels,
      static: groups,
      files,
      auth: {
        type: fields.auth,
        username: fields.auth === 'basic' ? fields.username.trim() : '',
        file: fields.auth === 'none' ? '' : fields.secretFile.trim(),
      },
      tls: {
        caFile: fields.caFile.trim(),
        certFile: fields.certFile.trim(),
        keyFile: fields.keyFile.trim(),
        serverName: fields.serverName.trim(),
        insecureSkipVerify: fields.insecureSkipVerify,
      },
      proxyUrl: fields.proxyUrl.trim(),
      ...rules,
    },
  }
}
