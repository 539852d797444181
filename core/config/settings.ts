import { z } from 'zod'
import { GlassboxError } from '../base/errors.ts'
import { compileMatcherRegex } from '../model/label-regex.ts'
import { cronProblem } from './cron-text.ts'
import type { Keyring } from './keyring.ts'

const MiB = 1024 * 1024

/** Minute, hour, day, month, weekday. */
const cronText = z.string().max(120)
/** Content of a key file in base64: 16 bytes to 12 KiB. */
export const keyFileText = z
  .base64()
  .max(16_384)
  .refine((text) => (text.length / 4) * 3 >= 18, 'a key file holds at least 16 bytes')

/** IANA name of a time zone; empty = that of this machine. */
const zoneName = z.string().max(64).default('')

/** Refuses a schedule that cannot be read. */
function checkCron({ cron, zone }: { cron: string; zone: string }, context: z.RefinementCtx): void {
  const message = cronProblem(cron, zone)
  if (message !== null) context.addIssue({ code: 'custom', path: ['cron'], message })
}

const relabelRule = z
  .strictObject({
    action: z
      .enum([
        'replace',
        'keep',
        'drop',
        'keepequal',
        'dropequal',
        'hashmod',
        'labelmap',
        'labeldrop',
        'labelkeep',
        'lowercase',
        'uppercase',
      ])
      .default('replace'),
    sourceLabels: z.array(z.string().max(1024)).max(50).default([]),
    separator: z.string().max(64).default(';'),
    targetLabel: z.string().max(1024).default(''),
    /** RE2, anchored at both ends. */
    regex: z
      .string()
      .max(8192)
      .default('(.*)')
      .refine((pattern) => compileMatcherRegex(pattern).fault === null, 'is no regular expression of RE2'),
    /** Of `hashmod`. */
    modulus: z.int().min(0).default(0),
    replacement: z.string().max(8192).default('$1'),
  })
  .refine(
    ({ action, targetLabel }) => /^(keep|drop|labelmap|labeldrop|labelkeep)$/.test(action) || targetLabel !== '',
    'this action needs a targetLabel',
  )
  .refine(({ action, modulus }) => action !== 'hashmod' || modulus > 0, 'hashmod needs a modulus above 0')

const labelsOfTargets = z.record(z.string(), z.string()).default({})

/** How a scrape says who asks. The password or token stays in a file of its own, which is read at every scrape. */
const scrapeAuth = z
  .strictObject({
    type: z.enum(['none', 'basic', 'bearer']).default('none'),
    username: z.string().max(1024).default(''),
    /** Path of the file with the password or the token. */
    file: z.string().max(4096).default(''),
  })
  .refine(({ type, file }) => type === 'none' || file !== '', 'names no file with the password or token')
  .refine(({ type, username }) => type !== 'basic' || username !== '', 'names no user')

/** How targets over https are known, and how they know us. Files are PEM and read at every scrape. */
const scrapeTls = z
  .strictObject({
    /** Of the authority that signed the targets' certificates; empty = those that the system trusts. */
    caFile: z.string().max(4096).default(''),
    certFile: z.string().max(4096).default(''),
    keyFile: z.string().max(4096).default(''),
    /** The name that the certificate must have; empty = the target's own. */
    serverName: z.string().max(255).default(''),
    insecureSkipVerify: z.boolean().default(false),
  })
  .refine(({ certFile, keyFile }) => (certFile === '') === (keyFile === ''), 'certFile and keyFile go together')

/** One of Prometheus' scrape_configs, in our spelling. */
const scrapeJob = z.strictObject({
  job: z.string().min(1).max(256),
  scheme: z.enum(['http', 'https']).default('http'),
  metricsPath: z.string().max(2048).default('/metrics'),
  params: z.record(z.string(), z.array(z.string())).default({}),
  intervalMs: z.int().min(1000).optional(),
  timeoutMs: z.int().min(100).optional(),
  /** A clash of labels is won by the scraped one; else that one is renamed `exported_…`. */
  honorLabels: z.boolean().default(false),
  /** Samples with a time of their own keep it. */
  honorTimestamps: z.boolean().default(true),
  /** More samples fail the whole scrape; 0 = no limit. */
  sampleLimit: z.int().min(0).default(0),
  /** After inflation. */
  bodySizeLimit: z
    .int()
    .min(1024)
    .default(64 * MiB),
  /** `host:port`, or a whole address. */
  static: z
    .array(z.strictObject({ targets: z.array(z.string().max(2048)).max(5000), labels: labelsOfTargets }))
    .max(1000)
    .default([]),
  /** Files of targets as Prometheus' file_sd has them, JSON or YAML; the last part of a path may hold `*`. */
  files: z.array(z.string().max(4096)).max(100).default([]),
  dns: z
    .array(
      z.strictObject({
        names: z.array(z.string().min(1).max(255)).min(1).max(100),
        type: z.enum(['SRV', 'A', 'AAAA']).default('SRV'),
        /** Of A and AAAA, whose records have none. */
        port: z.int().min(1).max(65535).default(80),
        refreshMs: z.int().min(1000).default(30_000),
        /** Addresses of DNS servers; none = the system's. */
        servers: z.array(z.string().max(255)).max(10).default([]),
      }),
    )
    .max(100)
    .default([]),
  auth: scrapeAuth.prefault({}),
  tls: scrapeTls.prefault({}),
  /** Of a proxy that all targets are asked through; empty = none. */
  proxyUrl: z
    .string()
    .max(2048)
    .default('')
    .refine((url) => url === '' || /^https?:$/.test(URL.parse(url)?.protocol ?? ''), 'is no address of a proxy'),
  /** Run over the labels of each target discovered. */
  relabel: z.array(relabelRule).max(200).default([]),
  /** Run over the labels of each series scraped. */
  metricRelabel: z.array(relabelRule).max(200).default([]),
})

export type RelabelRule = z.infer<typeof relabelRule>
export type ScrapeJob = z.infer<typeof scrapeJob>

/** One job as a form has it, with its defaults. @throws GlassboxError `bad_setting` that names the field */
export function parseScrapeJob(value: unknown): ScrapeJob {
  const parsed = scrapeJob.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new GlassboxError('bad_setting', `${issue.path.join('.') || 'the job'}: ${issue.message}`)
}

/**
 * Every setting with its default. Keys are the dotted paths of this schema (`pipeline.queueLimit`). Sizes are bytes,
 * durations say their unit in the name.
 */
export const settingsSchema = z.strictObject({
  server: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      apiPort: z.int().min(0).max(65535).default(4380),
      otlpPort: z.int().min(0).max(65535).default(4318),
      otlpGrpcPort: z.int().min(0).max(65535).default(4317),
      /** Extra names accepted in the Host header. */
      allowedHosts: z.array(z.string()).default([]),
      /** Origins other than loopback that may send telemetry from a browser. */
      corsOrigins: z.array(z.string()).default([]),
    })
    .prefault({}),
  storage: z
    .strictObject({
      engine: z.enum(['sqlite', 'postgres']).default('sqlite'),
      /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`, libpq's names. */
      postgresUrl: z.string().default(''),
      /** A read replica that queries go to; empty = the same server. Wants durable tables, as others are not replicated. */
      postgresReadUrl: z.string().default(''),
      postgresSchema: z.string().default('glassbox'),
      /** false = UNLOGGED tables: faster, and emptied when the server crashes. */
      postgresDurable: z.boolean().default(false),
      /** What may wait on disk while Postgres is away. */
      queueBytes: z
        .int()
        .min(MiB)
        .default(256 * MiB),
      /** Kept free so that a full disk can be cleaned. */
      reserveBytes: z
        .int()
        .min(0)
        .default(16 * MiB),
    })
    .prefault({}),
  receivers: z
    .strictObject({
      maxBodyBytes: z
        .int()
        .min(1024)
        .default(16 * MiB),
      maxInflatedBytes: z
        .int()
        .min(1024)
        .default(64 * MiB),
      /** One budget for all bodies in flight. */
      maxInFlightBytes: z
        .int()
        .min(1024)
        .default(128 * MiB),
    })
    .prefault({}),
  pipeline: z
    .strictObject({
      /** Spans (and log records) waiting behind the batch being written. */
      queueLimit: z.int().min(1).default(5000),
      overflow: z.enum(['drop', 'refuse']).default('drop'),
      /** Spans and log records that arrive meanwhile are counted and dropped (reason `paused`). */
      paused: z.boolean().default(false),
      flushMs: z.int().min(1).max(1000).default(100),
    })
    .prefault({}),
  collectors: z
    .strictObject({
      /** Figures of this machine and of Glassbox itself. */
      host: z
        .strictObject({ enabled: z.boolean().default(true), intervalMs: z.int().min(1000).default(5000) })
        .prefault({}),
      /** Rate, errors and durations of spans, counted before sampling. */
      spanMetrics: z
        .strictObject({ enabled: z.boolean().default(true), intervalMs: z.int().min(1000).default(10_000) })
        .prefault({}),
      /** Prometheus targets. */
      scrape: z
        .strictObject({
          /** Of jobs that name none. */
          intervalMs: z.int().min(1000).default(15_000),
          timeoutMs: z.int().min(100).default(10_000),
          jobs: z.array(scrapeJob).max(200).default([]),
        })
        .prefault({}),
    })
    .prefault({}),
  sampling: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Spans per second above which normal traces thin out; errors and slow traces are always kept. */
      targetSpansPerSecond: z.int().min(1).default(250_000),
      slowMs: z.int().min(1).default(1000),
    })
    .prefault({}),
  privacy: z
    .strictObject({
      /** Attribute keys removed before storage, besides Authorization, Cookie and Set-Cookie. */
      removeKeys: z.array(z.string()).default([]),
      /** Words in keys whose values are masked. */
      maskKeys: z
        .array(z.string())
        .default([
          'password',
          'passwd',
          'secret',
          'token',
          'api_key',
          'apikey',
          'authorization',
          'credential',
          'private_key',
        ]),
      maxValueBytes: z.int().min(64).default(4096),
    })
    .prefault({}),
  retention: z
    .strictObject({
      traces: z
        .strictObject({
          days: z.number().positive().default(7),
          bytes: z
            .int()
            .min(MiB)
            .default(1024 * MiB),
        })
        .prefault({}),
      logs: z.strictObject({ days: z.number().positive().default(7) }).prefault({}),
      metrics: z.strictObject({ days: z.number().positive().default(30) }).prefault({}),
    })
    .prefault({}),
  backup: z
    .strictObject({
      /** Runs the schedules below. */
      enabled: z.boolean().default(false),
      /** Where archives go besides the folder `backups/` of the data directory, which is `local`. */
      targets: z
        .array(
          z.strictObject({
            name: z
              .string()
              .min(1)
              .max(120)
              .refine((name) => name !== 'local', 'local is the folder of the data directory'),
            /** A folder, `s3://KEY:SECRET@HOST/BUCKET/PREFIX?region=…` or `sftp://USER:PASSWORD@HOST/FOLDER?hostKey=…`. */
            address: z.string().min(1).max(4096),
            /** PEM, for sftp instead of a password. */
            privateKey: z.string().max(16_384).default(''),
          }),
        )
        .max(20)
        .default([]),
      schedules: z
        .array(
          z
            .strictObject({
              id: z.string().min(1).max(64),
              kind: z.enum(['full', 'incremental', 'config']),
              cron: cronText,
              zone: zoneName,
              targets: z.array(z.string().min(1).max(120)).min(1).max(20).default(['local']),
              enabled: z.boolean().default(true),
            })
            .superRefine(checkCron),
        )
        .max(50)
        .default([
          { id: 'full', kind: 'full', cron: '0 2 * * 0', zone: '', targets: ['local'], enabled: true },
          { id: 'incremental', kind: 'incremental', cron: '0 2 * * 1-6', zone: '', targets: ['local'], enabled: true },
          { id: 'config', kind: 'config', cron: '0 */4 * * *', zone: '', targets: ['local'], enabled: true },
        ]),
      /** Test restore of the archive that was not proven for longest. */
      verify: z
        .strictObject({ enabled: z.boolean().default(true), cron: cronText.default('0 4 * * 3'), zone: zoneName })
        .superRefine(checkCron)
        .prefault({}),
      /** How many of each kind are kept in a target; what a kept one needs stays, too. */
      keep: z
        .strictObject({
          full: z.int().min(0).max(10_000).default(4),
          incremental: z.int().min(0).max(10_000).default(14),
          config: z.int().min(0).max(10_000).default(100),
        })
        .prefault({}),
      /** Encrypts new archives, and opens those that no other password is given for. Lost = they cannot be read. */
      password: z.string().max(1024).default(''),
      /** The same by a key file instead of a password, of which this is the content in base64; it goes before the password. */
      keyFile: z.union([z.literal(''), keyFileText]).default(''),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      /** Further series are refused, counted by metric and named on the Connect screen; known ones go on. */
      maxSeries: z.int().min(1).default(500_000),
      maxSeriesPerMetric: z.int().min(1).default(200_000),
      /** How far behind the newest sample of its series another may come; 0 = not at all. */
      outOfOrderMs: z.int().min(0).max(86_400_000).default(3_600_000),
    })
    .prefault({}),
  promql: z
    .strictObject({
      timeoutMs: z.int().min(100).max(600_000).default(120_000),
      /** Held at once by one query. */
      maxSamples: z.int().min(1000).max(500_000_000).default(50_000_000),
      /** Read by one query. */
      maxSeries: z.int().min(1).max(200_000).default(200_000),
      /** Functions and syntax that Prometheus keeps behind feature flags. */
      experimental: z.boolean().default(false),
    })
    .prefault({}),
  views: z
    .strictObject({
      /** Named addresses of screens; `query` is the address after the question mark. */
      saved: z
        .array(
          // What a newer Glassbox saved is kept as it is; the page says that it cannot be opened here.
          z.looseObject({
            id: z.string().min(1).max(64),
            name: z.string().min(1).max(120),
            screen: z.string().min(1).max(40),
            query: z.string().max(8192),
            version: z.int().min(1).default(1),
          }),
        )
        .max(200)
        .default([]),
    })
    .prefault({}),
  /** Of the desktop app alone; a headless host passes them over. */
  desktop: z
    .strictObject({
      openAtLogin: z.boolean().default(false),
      /** Closing the window leaves Glassbox receiving, with its icon in the tray. */
      keepInTray: z.boolean().default(true),
      notifications: z.boolean().default(true),
      updates: z.enum(['off', 'tell', 'install']).default('off'),
      /** Where new versions lie: a folder on the web with electron-updater's `latest.yml`. */
      updateUrl: z.union([z.literal(''), z.url({ protocol: /^https$/ })]).default(''),
    })
    .prefault({}),
  query: z.strictObject({ timeoutMs: z.int().min(10).default(10_000) }).prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info') })
    .prefault({}),
})

export type Settings = z.infer<typeof settingsSchema>

export const defaultSettings: Settings = settingsSchema.parse({})

export type SettingSource = 'default' | 'saved' | 'environment' | 'flag'

/** What a host is made from. */
export interface HostConfig {
  dataDir: string
  settings: Settings
  /** Fixed api token; a random one when absent. */
  token?: string
  /** Folder of the built renderer; absent = the api alone. */
  rendererDir?: string
  /** Where each changed key came from; the rest is `default`. */
  sources?: Record<string, SettingSource>
  /** What guards the key of saved secrets beyond its file's rights. */
  keyring?: Keyring
}

/** Flattens settings to dotted keys. */
export function flattenSettings(settings: Settings): Record<string, unknown> {
  const flat: Record<string, unknown> = {}
  const walk = (value: object, prefix: string): void => {
    for (const [key, child] of Object.entries(value)) {
      if (child !== null && typeof child === 'object' && !Array.isArray(child)) walk(child, `${prefix}${key}.`)
      else flat[prefix + key] = child
    }
  }
  walk(settings, '')
  return flat
}

/** What is wrong with a change; `path` leads into the value where that is a list. */
export interface SettingFault {
  key: string
  path: (string | number)[]
  message: string
}

/** Settings with `changes` (dotted keys) laid over `base`, and everything that is wrong with them. */
export function checkChanges(
  base: Settings,
  changes: Record<string, unknown>,
): { settings: Settings; faults: [] } | { settings: null; faults: SettingFault[] } {
  const known = flattenSettings(defaultSettings)
  const copy = structuredClone(base) as Record<string, unknown>
  const faults: SettingFault[] = []
  for (const [key, value] of Object.entries(changes)) {
    if (!Object.hasOwn(known, key)) {
      faults.push({ key, path: [], message: `there is no setting ${key}` })
      continue
    }
    const path = key.split('.')
    const last = path.pop() as string
    const parent = path.reduce((node, part) => node[part] as Record<string, unknown>, copy)
    parent[last] = value
  }
  const result = settingsSchema.safeParse(copy)
  if (result.success) return faults.length === 0 ? { settings: result.data, faults: [] } : { settings: null, faults }
  for (const { path, message } of result.error.issues) {
    const text = path.join('.')
    const key = Object.keys(known).find((one) => text === one || text.startsWith(`${one}.`)) ?? text
    const inside = path.slice(key.split('.').length) as (string | number)[]
    faults.push({ key, path: inside, message: `${text}: ${message}` })
  }
  return { settings: null, faults }
}

/**
 * Settings with `changes` (dotted keys) laid over `base`.
 * @throws GlassboxError `bad_setting` that names the key.
 */
export function applySettings(base: Settings, changes: Record<string, unknown>): Settings {
  const { settings, faults } = checkChanges(base, changes)
  if (settings === null) throw new GlassboxError('bad_setting', faults[0].message)
  return settings
}
