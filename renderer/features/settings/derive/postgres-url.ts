/** A Postgres address in its parts, kept in step with the address as one line. */
export interface PostgresFields {
  host: string
  port: string
  database: string
  user: string
  password: string
  sslmode: string
  sslrootcert: string
  sslcert: string
  sslkey: string
}

/** Files on the machine that Glassbox runs on. */
export const SSL_FILES = ['sslrootcert', 'sslcert', 'sslkey'] as const

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

export const emptyFields: PostgresFields = {
  host: '',
  port: '5432',
  database: '',
  user: '',
  password: '',
  sslmode: 'prefer',
  sslrootcert: '',
  sslcert: '',
  sslkey: '',
}

/** The parts of `postgres://user:password@host:port/database?sslmode=…`, or null when it is not such an address. */
export function readPostgresUrl(text: string): PostgresFields | null {
  const trimmed = text.trim()
  if (!/^postgres(ql)?:\/\//.test(trimmed) || !URL.canParse(trimmed)) return null
  const url = new URL(trimmed)
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part)
    } catch {
      return part
    }
  }
  return {
    host: decode(url.hostname).replace(/^\[|\]$/g, ''),
    port: url.port || '5432',
    database: decode(url.pathname.slice(1)),
    user: decode(url.username),
    password: decode(url.password),
    sslmode: url.searchParams.get('sslmode') ?? 'prefer',
    sslrootcert: url.searchParams.get('sslrootcert') ?? '',
    sslcert: url.searchParams.get('sslcert') ?? '',
    sslkey: url.searchParams.get('sslkey') ?? '',
  }
}

/** The address of the parts; empty while there is no host. */
export function postgresUrl(fields: PostgresFields): string {
  if (fields.host.trim() === '') return ''
  const encode = encodeURIComponent
  const host = fields.host.includes(':') ? `[${fields.host}]` : encode(fields.host.trim())
  const login =
    fields.user === '' ? '' : `${encode(fields.user)}${fields.password === '' ? '' : `:${encode(fields.password)}`}@`
  const query = new URLSearchParams()
  if (fields.sslmode !== 'prefer') query.set('sslmode', fields.sslmode)
  for (const name of SSL_FILES) if (fields[name] !== '') query.set(name, fields[name])
  const rest = query.size === 0 ? '' : `?${query}`
  return `postgres://${login}${host}:${fields.port || '5432'}/${encode(fields.database)}${rest}`
}

/** The address as it may be shown. */
export function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/[^/?#]*?:)[^/?#]*@/, '$1***@')
}

/** What is missing before it is worth a test, by field; empty when nothing is. */
export function missingFields({ host, port, database, user }: PostgresFields): (keyof PostgresFields)[] {
  const missing: (keyof PostgresFields)[] = []
  if (host.trim() === '') missing.push('host')
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535 || Number(port) < 1) missing.push('port')
  if (database.trim() === '') missing.push('database')
  if (user.trim() === '') missing.push('user')
  return missing
}
