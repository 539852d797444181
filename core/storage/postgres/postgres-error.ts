import { type ErrorCode, GlassboxError } from '../../base/errors.ts'

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
export function postgresError(error: unknown, { host, port, database, user, schema }: Where): GlassboxError {
  if (error instanceof GlassboxError) return error
  const { code = '', message } = error as DriverError
  const at = `${host}:${port}`
  const make = (name: ErrorCode, text: string, hint?: string): GlassboxError => new GlassboxError(name, text, hint)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return make('postgres_unreachable', `the host name ${host} cannot be resolved`, 'Check the host in the address.')
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return make(
      'postgres_tls',
      `the certificate of ${at} is made out to another name: ${message}`,
      'Use a name that the certificate holds, or sslmode=verify-ca to check only who signed it.',
    )
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return make(
      'postgres_tls',
      `the certificate of ${at} is not valid now: ${message}`,
      "Renew it at the server, and check this machine's clock.",
    )
  }
  if (CERTIFICATE.test(code)) {
    return make(
      'postgres_tls',
      // Node adds what a person who starts it may do.
      `the certificate of ${at} is not trusted: ${message.replace(/; if the root CA .*/, '')}`,
      'Name its authority with sslrootcert=FILE, or use sslmode=require to encrypt without verifying.',
    )
  }
  if (/does not support SSL/.test(message)) {
    return make('postgres_tls', `${at} does not speak TLS`, 'Switch TLS on at the server, or use sslmode=disable.')
  }
  if (/^(EPROTO|ERR_SSL_|ERR_TLS_)/.test(code)) {
    return make('postgres_tls', `TLS with ${at} fails: ${message}`, "Compare the server's ssl settings with sslmode.")
  }
  if (code === '28000' && /no encryption|SSL off/.test(message)) {
    return make(
      'postgres_tls',
      `${at} refused ${user} without TLS: ${message}`,
      'Use sslmode=require or stricter, or let pg_hba.conf take connections that are not encrypted.',
    )
  }
  if (code === '28P01') return make('postgres_login', `${at} refused the password of ${user}`)
  if (code === '28000' && /client certificate/.test(message)) {
    return make(
      'postgres_login',
      `${at} wants a certificate of ${user}: ${message}`,
      'Name the certificate and its key with sslcert=FILE and sslkey=FILE.',
    )
  }
  if (code === '28000') return make('postgres_login', `${at} refused the login of ${user}: ${message}`)
  if (/password must be a string|no password/i.test(message)) {
    return make('postgres_login', `${at} asks for a password and the address has none`)
  }
  if (code === '3D000') return make('postgres_no_database', `there is no database ${database} at ${at}`)
  if (code === '42501') return make('postgres_no_rights', `${user} may not do this in ${database}: ${message}`)
  if (code === '25006') {
    return make('postgres_read_only', `${at} takes no writes: ${message}`)
  }
  if (code === '53100') return make('storage_unavailable', `the disk of ${at} is full`, 'Free space on the server.')
  if (isAway(error)) return make('postgres_unreachable', `${at} does not answer: ${message}`)
  if (code === '42P01' || code === '3F000') {
    return make('storage_unavailable', `the tables in schema ${schema} are gone: ${message}`, 'Restart Glassbox.')
  }
  return make('storage_unavailable', `${at} refused: ${message}`)
}
