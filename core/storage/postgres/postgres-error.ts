import { GlassboxError } from '../../base/errors.ts'
import { PostgresRefusal, type RefusalName } from './refusals.ts'

/** What an error of the driver may carry. */
interface DriverError {
  code?: string
  message: string
  routine?: string
}

interface Where {
  host: string
  port: number
  database: string
  user: string
  schema: string
}

/** SQLSTATE classes and codes, and Node's codes, that mean "not reachable now, try again". */
const AWAY =
  /^(08...|57P0[1-3]|53300|53400|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/
const AWAY_TEXT =
  /connection terminated|connection was closed|timeout expired|timeout exceeded|not queryable|server closed|Client was closed/i
const CERTIFICATE = /SELF_SIGNED|UNABLE_TO|CERT_|ALTNAME|DEPTH_ZERO/

/** Whether the server, not the content of the rows, is to blame: the same write may succeed later. */
export function isAway(error: unknown): boolean {
  const { code = '', message } = error as DriverError
  return AWAY.test(code) || AWAY_TEXT.test(message)
}

/** Whether the server takes nothing now for a reason of its own: full, out of memory, read-only, locks. */
export function isServerTrouble(error: unknown): boolean {
  const { code = '' } = error as DriverError
  return /^(53...|25006|55P03|40P01|40001|57014|58...|XX...)$/.test(code)
}

/** The error of the catalogue that a failed connection or statement is; others come back as they are. */
export function postgresError(error: unknown, where: Where): GlassboxError {
  if (error instanceof GlassboxError) return error
  const { host, port, database, user, schema } = where
  const { message } = error as DriverError
  const name = refusalName(error as DriverError)
  const values = { host, at: `${host}:${port}`, database, user, schema }
  // Node adds to some what a person who starts it may do.
  return new PostgresRefusal(name, values, SAYS_ALL.has(name) ? null : message.replace(/; if the root CA .*/, ''))
}

/** Refusals whose sentence leaves nothing to be said by the server. */
const SAYS_ALL: ReadonlySet<RefusalName> = new Set([
  'host_unknown',
  'no_tls',
  'wrong_password',
  'no_password',
  'no_database',
  'disk_full',
])

function refusalName(error: DriverError): RefusalName {
  const { code = '', message } = error
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'host_unknown'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'certificate_name'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'certificate_dates'
  if (CERTIFICATE.test(code)) return 'certificate_untrusted'
  if (/does not support SSL/.test(message)) return 'no_tls'
  if (/^(EPROTO|ERR_SSL_|ERR_TLS_)/.test(code)) return 'tls_failed'
  if (code === '28000' && /no encryption|SSL off/.test(message)) return 'wants_tls'
  if (code === '28P01') return 'wrong_password'
  if (code === '28000') return /client certificate/.test(message) ? 'wants_certificate' : 'login_refused'
  if (/password must be a string|no password/i.test(message)) return 'no_password'
  if (code === '3D000') return 'no_database'
  if (code === '42501') return 'no_right'
  if (code === '25006') return 'no_writes'
  if (code === '53100') return 'disk_full'
  if (isAway(error)) return 'no_answer'
  if (code === '42P01' || code === '3F000') return 'tables_gone'
  return 'refused'
}
