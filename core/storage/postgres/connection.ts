import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { postgresError } from './postgres-error.ts'
import { PostgresRefusal } from './refusals.ts'

/** Where and how to connect; crosses threads as it is. */
export interface PostgresTarget {
  host: string
  port: number
  database: string
  user: string
  password: string
  sslMode: SslMode
  /** PEM text of the certificates to trust, instead of the system's. */
  rootCertificate: string | null
  /** What this host shows to a server that asks who it is, PEM. */
  client: { certificate: string; key: string } | null
  /** Schema that holds the tables. */
  schema: string
}

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
type SslMode = (typeof SSL_MODES)[number]

const CONNECT_MS = 5000

/**
 * Reads a `postgres://user:password@host:port/database?sslmode=…&sslrootcert=FILE&sslcert=FILE&sslkey=FILE` address, with
 * libpq's names.
 * @throws GlassboxError `postgres_url` that never repeats the address, as it may hold a password
 */
export function readTarget(url: string, schema: string): PostgresTarget {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    throw new PostgresRefusal(url === '' ? 'url_empty' : 'url_unread')
  }
  if (!['postgres:', 'postgresql:'].includes(parsed.protocol)) {
    throw new PostgresRefusal('url_protocol', { protocol: parsed.protocol })
  }
  if (!/^[a-z_][a-z0-9_]{0,40}$/.test(schema)) throw new PostgresRefusal('schema_name', { schema })
  const sslMode = parsed.searchParams.get('sslmode') ?? 'prefer'
  if (!(SSL_MODES as readonly string[]).includes(sslMode)) {
    throw new PostgresRefusal('sslmode_unknown', { mode: sslMode, modes: SSL_MODES.join(', ') })
  }
  const [rootFile, certificateFile, keyFile] = ['sslrootcert', 'sslcert', 'sslkey'].map((name) =>
    parsed.searchParams.get(name),
  )
  let rootCertificate: string | null = null
  if (rootFile && rootFile !== 'system') {
    rootCertificate = readPem('sslrootcert', rootFile)
    if (!isCertificate(rootCertificate))
      throw new PostgresRefusal('no_certificate', { parameter: 'sslrootcert', file: rootFile })
  }
  const user = decodeURIComponent(parsed.username)
  return {
    host: decodeURIComponent(parsed.hostname).replace(/^\[|\]$/g, '') || 'localhost',
    port: Number(parsed.port || 5432),
    database: decodeURIComponent(parsed.pathname.slice(1)) || user,
    user,
    password: decodeURIComponent(parsed.password),
    sslMode: sslMode as SslMode,
    rootCertificate,
    client: certificateFile || keyFile ? readClient(certificateFile ?? '', keyFile ?? '') : null,
    schema,
  }
}

function readPem(parameter: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new PostgresRefusal('file_unread', { parameter, file }, (error as Error).message)
  }
}

function readClient(certificateFile: string, keyFile: string): { certificate: string; key: string } {
  if (certificateFile === '' || keyFile === '') throw new PostgresRefusal('certificate_or_key')
  const certificate = readPem('sslcert', certificateFile)
  const key = readPem('sslkey', keyFile)
  if (!isCertificate(certificate))
    throw new PostgresRefusal('no_certificate', { parameter: 'sslcert', file: certificateFile })
  let fits: boolean
  try {
    fits = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
  } catch (error) {
    throw new PostgresRefusal('no_key', { file: keyFile }, (error as Error).message)
  }
  if (!fits) throw new PostgresRefusal('other_key', { file: keyFile, certificate: certificateFile })
  return { certificate, key }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false
  }
}

/** What a handshake is made with, by libpq's meaning of `sslmode`; false = no TLS. */
export function tlsOptions({ sslMode, rootCertificate, client }: PostgresTarget): pg.ClientConfig['ssl'] {
  const own = client === null ? {} : { cert: client.certificate, key: client.key }
  const ca = rootCertificate === null ? own : { ...own, ca: rootCertificate }
  switch (sslMode) {
    case 'disable':
    case 'allow':
      return false
    case 'verify-full':
      return { ...ca, rejectUnauthorized: true }
    case 'verify-ca':
      return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    default:
      // As libpq: `require` encrypts, and verifies only when a root certificate is named.
      return rootCertificate === null
        ? { ...own, rejectUnauthorized: false }
        : { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined }
  }
}

const INT8 = 20
const NUMERIC = 1700
const BOOL = 16
const NUMBER_TYPES = new Set([21, 23, 26, 700, 701])

/** int8 and numeric become numbers where that is exact; JSON and times stay text. */
function parserOf(oid: number): (text: string) => unknown {
  if (oid === BOOL) return (text) => text === 't'
  if (NUMBER_TYPES.has(oid)) return Number
  if (oid === INT8 || oid === NUMERIC) {
    return (text) => {
      const value = Number(text)
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? text : value
    }
  }
  return (text) => text
}

/** Options of a client or a pool. */
export function clientOptions(target: PostgresTarget): pg.ClientConfig {
  const { host, port, database, user, password } = target
  return {
    host,
    port,
    database,
    user,
    password,
    ssl: tlsOptions(target),
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    application_name: 'glassbox',
    types: { getTypeParser: ((oid: number) => parserOf(oid)) as typeof pg.types.getTypeParser },
  }
}

/**
 * `allow` and `prefer` settled: TLS where the server has it, plain otherwise.
 * @throws GlassboxError of the `postgres_…` kind when the server cannot be reached or refuses the login
 */
export async function settleTarget(target: PostgresTarget): Promise<PostgresTarget> {
  const tries: SslMode[] =
    target.sslMode === 'prefer'
      ? ['require', 'disable']
      : target.sslMode === 'allow'
        ? ['disable', 'require']
        : [target.sslMode]
  let failure: unknown = null
  for (const sslMode of tries) {
    const settled = { ...target, sslMode }
    const client = new pg.Client(clientOptions(settled))
    client.on('error', () => undefined)
    try {
      await client.connect()
      return settled
    } catch (error) {
      failure = error
      if (!/does not support SSL|no pg_hba\.conf entry|pg_hba\.conf rejects/.test((error as Error).message)) break
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  throw postgresError(failure, target)
}

/** A connected client, to be ended by the caller. @throws GlassboxError of the `postgres_…` kind */
export async function connect(target: PostgresTarget): Promise<pg.Client> {
  if (target.sslMode === 'prefer' || target.sslMode === 'allow') return connect(await settleTarget(target))
  const client = new pg.Client(clientOptions(target))
  client.on('error', () => undefined)
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.end().catch(() => undefined)
    throw postgresError(error, target)
  }
}
