/** Every expected failure of Glassbox: what happened, which input, what to do next. */
export class GlassboxError extends Error {
  readonly code: ErrorCode
  /** HTTP status the api answers with. */
  readonly status: number
  /** What the reader of the error can do now. */
  readonly hint: string

  constructor(code: ErrorCode, detail: string, hint?: string) {
    super(detail)
    this.name = 'GlassboxError'
    this.code = code
    this.status = ERRORS[code].status
    this.hint = hint ?? ERRORS[code].hint
  }

  get title(): string {
    return ERRORS[this.code].title
  }
}

/** The one catalogue of errors: docs, api answers and translations are checked against it. */
export const ERRORS = {
  malformed_body: {
    status: 400,
    title: 'The body cannot be decoded',
    hint: 'Check that the content type matches what the exporter sends.',
  },
  bad_request: {
    status: 400,
    title: 'The request is not valid',
    hint: 'Correct the named parameter and send it again.',
  },
  bad_filter: {
    status: 400,
    title: 'The filter cannot be read',
    hint: 'Use key op value, for example http.status_code>=500.',
  },
  bad_cursor: { status: 400, title: 'The cursor is not valid', hint: 'Start again without a cursor.' },
  bad_sql: {
    status: 400,
    title: 'The SQL cannot be run',
    hint: 'Only one SELECT over _traces, _logs and _metrics is allowed.',
  },
  bad_promql: {
    status: 400,
    title: 'The PromQL expression cannot be read',
    hint: 'The message starts with the line and column of the fault.',
  },
  promql_failed: {
    status: 422,
    title: 'The PromQL expression cannot be evaluated',
    hint: 'Change the expression as the message says.',
  },
  query_too_large: {
    status: 422,
    title: 'The query would touch too much',
    hint: 'Narrow the time range, add a matcher or take a larger step.',
  },
  unauthorized: {
    status: 401,
    title: 'The token is missing or wrong',
    hint: 'Open the address that glassbox printed at start, or send Authorization: Bearer TOKEN.',
  },
  forbidden_host: {
    status: 403,
    title: 'This Host header is not allowed',
    hint: 'Use localhost or 127.0.0.1, or add the name to server.allowedHosts.',
  },
  forbidden_origin: { status: 403, title: 'This Origin is not allowed', hint: 'Open Glassbox from its own address.' },
  not_found: { status: 404, title: 'Nothing is here', hint: 'Check the path.' },
  trace_not_found: { status: 404, title: 'No such trace', hint: 'It may not have arrived yet, or was sampled out.' },
  trace_removed: {
    status: 410,
    title: 'This trace was removed by retention',
    hint: 'Raise retention.traces.days to keep traces longer.',
  },
  method_not_allowed: { status: 405, title: 'This method is not allowed here', hint: 'OTLP is sent by POST.' },
  too_large: {
    status: 413,
    title: 'The body is too large',
    hint: 'Send smaller batches or raise receivers.maxBodyBytes.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'This content type is not supported',
    hint: 'Send application/x-protobuf or application/json.',
  },
  unsupported_encoding: {
    status: 415,
    title: 'This content encoding is not supported',
    hint: 'Send gzip, deflate or no encoding.',
  },
  query_timeout: {
    status: 503,
    title: 'The query was stopped at its time limit',
    hint: 'Narrow the time range or add a filter.',
  },
  query_cancelled: { status: 499, title: 'The query was cancelled', hint: 'Run it again.' },
  overloaded: { status: 503, title: 'Glassbox is overloaded', hint: 'Try again in a moment.' },
  storage_unavailable: { status: 503, title: 'Storage cannot be written', hint: 'See the status bar for the cause.' },
  note_not_found: {
    status: 404,
    title: 'No such note',
    hint: 'It may have been deleted: deleted notes can be restored for 30 days.',
  },
  board_not_found: {
    status: 404,
    title: 'No such board',
    hint: 'It may have been deleted: deleted boards can be restored for 30 days.',
  },
  board_conflict: {
    status: 409,
    title: 'The board was changed meanwhile',
    hint: 'Load it again and repeat the change, or save yours as a new board.',
  },
  board_unreadable: {
    status: 400,
    title: 'This is not a dashboard that can be read',
    hint: 'In Grafana use Export ▸ Save to file, with the classic (v1) model.',
  },
  already_running: {
    status: 409,
    title: 'Another Glassbox uses this data directory',
    hint: 'Stop it, or choose another --data-dir.',
  },
  port_taken: {
    status: 409,
    title: 'A port is taken by another program',
    hint: 'Stop that program, or choose another port, for example with --api-port 0 for any free one.',
  },
  secrets_locked: {
    status: 500,
    title: 'Saved passwords cannot be opened',
    hint: 'Unlock the keychain and start again, or give the values by flag or environment variable and save them anew.',
  },
  bad_setting: { status: 400, title: 'A setting is not valid', hint: 'See the named key in the settings reference.' },
  data_damaged: {
    status: 500,
    title: 'Stored data is damaged',
    hint: 'The damaged file was kept aside; run glassbox doctor.',
  },
  postgres_url: {
    status: 400,
    title: 'The Postgres address is not valid',
    hint: 'Write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=prefer.',
  },
  postgres_unreachable: {
    status: 503,
    title: 'Postgres does not answer',
    hint: 'Check that the server runs, that host and port are right, and that no firewall is between.',
  },
  postgres_login: {
    status: 400,
    title: 'Postgres refused the login',
    hint: 'Check user and password, and that pg_hba.conf lets this machine in.',
  },
  postgres_no_database: {
    status: 400,
    title: 'The database does not exist',
    hint: 'Create it with CREATE DATABASE, or correct its name in the address.',
  },
  postgres_no_rights: {
    status: 400,
    title: 'The role has too few rights',
    hint: 'GRANT CREATE, CONNECT ON DATABASE … TO the role, or make it the owner of the schema.',
  },
  postgres_too_old: {
    status: 400,
    title: 'This Postgres is too old',
    hint: 'Glassbox needs PostgreSQL 14 or later.',
  },
  postgres_tls: {
    status: 400,
    title: 'The encrypted connection failed',
    hint: 'Check sslmode and sslrootcert in the address.',
  },
  postgres_read_only: {
    status: 400,
    title: 'This Postgres is read-only',
    hint: 'It may be a standby: use the address of the primary.',
  },
  postgres_foreign_table: {
    status: 409,
    title: 'The schema holds tables that are not ours',
    hint: 'Choose another schema with storage.postgresSchema; nothing was changed.',
  },
  job_not_found: { status: 404, title: 'No such job', hint: 'See the list of jobs; the oldest are forgotten.' },
  job_running: {
    status: 409,
    title: 'Another job must end first',
    hint: 'Wait until it is done, or cancel it.',
  },
  target_not_empty: {
    status: 409,
    title: 'The target holds telemetry already',
    hint: 'Choose whether it is deleted first or kept beside what is moved.',
  },
  move_differs: {
    status: 500,
    title: 'The copy does not equal the source',
    hint: 'The old engine goes on and the copy was removed; try again while retention does not run.',
  },
  move_too_slow: {
    status: 503,
    title: 'The copy does not catch up with what arrives',
    hint: 'Try again when less telemetry arrives, or lower sampling.targetSpansPerSecond meanwhile.',
  },
  job_not_cancellable: {
    status: 409,
    title: 'This job cannot be cancelled any more',
    hint: 'It ends by itself in a moment.',
  },
  archive_not_found: {
    status: 404,
    title: 'The archive is not there',
    hint: 'Check its name, or list what the target holds.',
  },
  archive_damaged: {
    status: 422,
    title: 'The archive is damaged',
    hint: 'Nothing was changed. Take an older archive, or fetch this one again from where it is kept.',
  },
  archive_password: {
    status: 403,
    title: 'The archive does not open with this password',
    hint: 'Give the password or key file of the day it was made. Without it nobody can read the archive.',
  },
  data_newer: {
    status: 500,
    title: 'This data was written by a newer Glassbox',
    hint: 'Start that version, or use another data directory.',
  },
  archive_version: {
    status: 409,
    title: 'The archive was made by a newer Glassbox',
    hint: 'Update this Glassbox; nothing was changed.',
  },
  not_a_bundle: {
    status: 422,
    title: 'This is a backup, not a debug bundle',
    hint: 'Open it on the Backups page, or with glassbox restore.',
  },
  is_a_bundle: {
    status: 422,
    title: 'This is a debug bundle, not a backup',
    hint: 'Drop it on the window, or use glassbox open: it is looked at, not restored.',
  },
  bundle_not_found: {
    status: 404,
    title: 'No such bundle is open',
    hint: 'Drop its file on the window again.',
  },
  bundle_read_only: {
    status: 403,
    title: 'An opened bundle is read-only',
    hint: 'Leave the bundle, or import it into your own telemetry first.',
  },
  archive_part_unknown: {
    status: 409,
    title: 'The archive does not say which part it holds',
    hint: 'Restore it beside what is there (merge): nothing is stored twice.',
  },
  archive_base_missing: {
    status: 409,
    title: 'An archive that this one adds to is missing',
    hint: 'Put the named archive beside it, or choose a full backup.',
  },
  backup_no_space: {
    status: 507,
    title: 'There is not enough space',
    hint: 'Free the space named, or choose another place.',
  },
  backup_target: {
    status: 502,
    title: 'The backup target refused or did not answer',
    hint: 'Check its address, who may write there and the space left; the message says what it answered.',
  },
  internal: { status: 500, title: 'Glassbox made a mistake', hint: 'Please report it with the request id.' },
} as const satisfies Record<string, { status: number; title: string; hint: string }>

export type ErrorCode = keyof typeof ERRORS
