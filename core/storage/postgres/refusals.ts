import { type ErrorCode, GlassboxError } from '../../base/errors.ts'
import type { RefusalDetail } from '../../model/storage-test.ts'

/** Why a Postgres cannot be used: the error of the catalogue, the sentence, and what to do where the case is known. */
export const REFUSALS = {
  url_empty: ['postgres_url', 'no Postgres address is given'],
  url_unread: ['postgres_url', 'the Postgres address is not a URL'],
  url_protocol: ['postgres_url', 'the Postgres address begins with {protocol}// instead of postgres://'],
  schema_name: ['postgres_url', 'the schema name {schema} is not plain lower-case letters'],
  sslmode_unknown: ['postgres_url', 'sslmode={mode} is not one of {modes}'],
  file_unread: ['postgres_url', '{parameter} {file} cannot be read'],
  no_certificate: ['postgres_url', '{parameter} {file} holds no certificate in PEM form'],
  certificate_or_key: ['postgres_url', 'sslcert and sslkey are only of use together'],
  no_key: ['postgres_url', 'sslkey {file} holds no key that can be read'],
  other_key: ['postgres_url', 'sslkey {file} is not the key of sslcert {certificate}'],
  host_unknown: ['postgres_unreachable', 'the host name {host} cannot be resolved', 'Check the host in the address.'],
  no_answer: ['postgres_unreachable', '{at} does not answer'],
  certificate_name: [
    'postgres_tls',
    'the certificate of {at} is made out to another name',
    'Use a name that the certificate holds, or sslmode=verify-ca to check only who signed it.',
  ],
  certificate_dates: [
    'postgres_tls',
    'the certificate of {at} is not valid now',
    "Renew it at the server, and check this machine's clock.",
  ],
  certificate_untrusted: [
    'postgres_tls',
    'the certificate of {at} is not trusted',
    'Name its authority with sslrootcert=FILE, or use sslmode=require to encrypt without verifying.',
  ],
  no_tls: ['postgres_tls', '{at} does not speak TLS', 'Switch TLS on at the server, or use sslmode=disable.'],
  tls_failed: ['postgres_tls', 'TLS with {at} fails', "Compare the server's ssl settings with sslmode."],
  wants_tls: [
    'postgres_tls',
    '{at} refused {user} without TLS',
    'Use sslmode=require or stricter, or let pg_hba.conf take connections that are not encrypted.',
  ],
  wrong_password: ['postgres_login', '{at} refused the password of {user}'],
  no_password: ['postgres_login', '{at} asks for a password and the address has none'],
  wants_certificate: [
    'postgres_login',
    '{at} wants a certificate of {user}',
    'Name the certificate and its key with sslcert=FILE and sslkey=FILE.',
  ],
  login_refused: ['postgres_login', '{at} refused the login of {user}'],
  no_database: ['postgres_no_database', 'there is no database {database} at {at}'],
  no_right: ['postgres_no_rights', '{user} may not do this in {database}'],
  not_owner: ['postgres_no_rights', '{user} does not own schema {schema}'],
  no_schema_right: ['postgres_no_rights', '{user} may not create a schema in {database}'],
  too_old: ['postgres_too_old', 'the server is PostgreSQL {version}'],
  standby: ['postgres_read_only', 'the server is a standby'],
  database_read_only: ['postgres_read_only', 'the database takes no writes'],
  no_writes: ['postgres_read_only', '{at} takes no writes'],
  foreign_tables: ['postgres_foreign_table', 'schema {schema} holds tables that Glassbox did not make: {tables}'],
  newer_layout: [
    'postgres_foreign_table',
    'schema {schema} was made by a newer Glassbox (layout {theirs}, this one knows {ours})',
    'Update this Glassbox, or choose another schema with storage.postgresSchema.',
  ],
  older_layout: [
    'postgres_foreign_table',
    'schema {schema} was made by an older Glassbox (layout {theirs}, this one writes {ours})',
    'Choose another schema with storage.postgresSchema, or drop this one (DROP SCHEMA {schema} CASCADE) if its data may go.',
  ],
  disk_full: ['storage_unavailable', 'the disk of {at} is full', 'Free space on the server.'],
  tables_gone: ['storage_unavailable', 'the tables in schema {schema} are gone', 'Restart Glassbox.'],
  refused: ['storage_unavailable', '{at} refused'],
} as const satisfies Record<string, readonly [ErrorCode, string, string?]>

export type RefusalName = keyof typeof REFUSALS

/** A refusal in parts, so that a page can say it in its own language. */
export class PostgresRefusal extends GlassboxError {
  readonly detail: RefusalDetail

  /** @param words what the server (or, in front of it, this machine) said itself */
  constructor(name: RefusalName, values: Record<string, string | number> = {}, words: string | null = null) {
    const [code, sentence, hint] = REFUSALS[name] as readonly [ErrorCode, string, string?]
    const filled = (text: string): string => text.replace(/\{(\w+)\}/g, (_, key: string) => String(values[key]))
    super(code, `${filled(sentence)}${words === null ? '' : `: ${words}`}`, hint && filled(hint))
    this.detail = { name, values, words }
  }
}
