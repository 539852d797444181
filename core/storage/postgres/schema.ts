import type pg from 'pg'
import { GlassboxError } from '../../base/errors.ts'
import { SPAN_KINDS, SPAN_STATUSES } from '../../model/records.ts'
import type { PostgresTarget } from './connection.ts'
import { isAway, postgresError } from './postgres-error.ts'

/** Grows when tables change; a program reads the layouts of its own and of the previous version. */
export const SCHEMA_VERSION = 1
const OURS = 'glassbox telemetry'
const OLDEST_SERVER = 140_000
/** One lock for everything that makes or drops tables; held to the end of a transaction only, as PgBouncer wants. */
const TABLE_LOCK = 7_061_644
const DAYS_AHEAD = 2

const TRACES = `
  day int4 NOT NULL, trace_id text COLLATE "C" NOT NULL, span_id text COLLATE "C" NOT NULL, parent_id text COLLATE "C",
  name text COLLATE "C" NOT NULL, kind int2 NOT NULL, start int8 NOT NULL, start_ns int2 NOT NULL, dur int8 NOT NULL,
  dur_ns int2 NOT NULL, status int2 NOT NULL, status_message text NOT NULL, service text COLLATE "C" NOT NULL,
  resource int8 NOT NULL, scope int8 NOT NULL, attributes jsonb NOT NULL, typed text, events text, links text,
  trace_state text NOT NULL, flags int8 NOT NULL, dropped_attributes int8 NOT NULL, dropped_events int8 NOT NULL,
  dropped_links int8 NOT NULL, marks int2 NOT NULL, sample_rate int4 NOT NULL, seq int8 NOT NULL, ordinal int4 NOT NULL,
  host text COLLATE "C" NOT NULL`

const LOGS = `
  day int4 NOT NULL, time int8 NOT NULL, time_ns int2 NOT NULL, time_source int2 NOT NULL, observed int8 NOT NULL,
  observed_ns int2 NOT NULL, severity int2 NOT NULL, severity_text text NOT NULL, service text COLLATE "C" NOT NULL,
  body text COLLATE "C" NOT NULL, body_type int2 NOT NULL, event_name text NOT NULL, trace_id text COLLATE "C",
  span_id text COLLATE "C", resource int8 NOT NULL, scope int8 NOT NULL, attributes jsonb NOT NULL, typed text,
  flags int8 NOT NULL, dropped_attributes int8 NOT NULL, seq int8 NOT NULL, ordinal int4 NOT NULL,
  host text COLLATE "C" NOT NULL`

const ENTRY = 'id int8 PRIMARY KEY, attributes text NOT NULL, dropped int8 NOT NULL, schema_url text NOT NULL'
const names = (list: readonly string[]): string => `ARRAY[${list.map((name) => `'${name}'`).join(',')}]`

/** What SQL of a person sees: the logical schema, read-only by nature of the joins. */
const VIEWS = `
  CREATE OR REPLACE VIEW SCHEMA.sql_traces AS SELECT trace_id, span_id, parent_id, t.name,
    (${names(SPAN_KINDS)})[kind + 1] AS kind, start, dur, (${names(SPAN_STATUSES)})[status + 1] AS status, status_message,
    t.service, coalesce(r.plain, '{}') AS resource, coalesce(s.name, '') AS scope, t.attributes,
    coalesce(events, '[]') AS events, coalesce(links, '[]') AS links, trace_state, flags, host
    FROM SCHEMA._traces t LEFT JOIN SCHEMA._resources r ON r.id = t.resource LEFT JOIN SCHEMA._scopes s ON s.id = t.scope;
  CREATE OR REPLACE VIEW SCHEMA.sql_logs AS SELECT time, severity, severity_text, l.service, body, trace_id, span_id,
    l.attributes, coalesce(r.plain, '{}') AS resource, coalesce(s.name, '') AS scope, event_name, host
    FROM SCHEMA._logs l LEFT JOIN SCHEMA._resources r ON r.id = l.resource LEFT JOIN SCHEMA._scopes s ON s.id = l.scope;`

const TABLES = `
  CREATE TABLE SCHEMA._meta (key text PRIMARY KEY, value text NOT NULL);
  CREATE TABLE SCHEMA._traces (${TRACES}) PARTITION BY LIST (day);
  CREATE TABLE SCHEMA._logs (${LOGS}) PARTITION BY LIST (day);
  CREATE TABLE SCHEMA._resources (${ENTRY}, service text COLLATE "C" NOT NULL, plain jsonb NOT NULL);
  CREATE TABLE SCHEMA._scopes (${ENTRY}, name text NOT NULL, version text NOT NULL);
  CREATE SEQUENCE SCHEMA._write_seq;
  CREATE TABLE SCHEMA._writes (seq int8 PRIMARY KEY, id uuid NOT NULL UNIQUE, spans int8 NOT NULL, logs int8 NOT NULL,
    at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE SCHEMA._stored (host text NOT NULL, day int4 NOT NULL, signal text NOT NULL, rows int8 NOT NULL,
    min_time int8 NOT NULL, max_time int8 NOT NULL, PRIMARY KEY (host, day, signal));
  CREATE UNLOGGED TABLE SCHEMA._removed (trace_id text COLLATE "C" PRIMARY KEY, at int8 NOT NULL);
  CREATE TABLE SCHEMA._losses (at timestamptz NOT NULL DEFAULT now(), spans int8 NOT NULL, logs int8 NOT NULL);
  CREATE TABLE SCHEMA._lease (name text PRIMARY KEY, host text NOT NULL, fence int8 NOT NULL, expires timestamptz NOT NULL);
  CREATE UNLOGGED TABLE SCHEMA._marker (present bool PRIMARY KEY);`

export interface ServerFacts {
  /** As `server_version_num`: 180004. */
  version: number
  readOnly: boolean
}

/** @throws GlassboxError `postgres_too_old`, `postgres_read_only` */
export async function checkServer(client: pg.ClientBase): Promise<ServerFacts> {
  const { rows } = await client.query(
    "SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS locked",
  )
  const { version, standby, locked } = rows[0] as { version: number; standby: boolean; locked: boolean }
  if (version < OLDEST_SERVER) throw tooOld(version)
  if (standby || locked) {
    throw new GlassboxError('postgres_read_only', standby ? 'the server is a standby' : 'the database takes no writes')
  }
  return { version, readOnly: false }
}

export function tooOld(version: number): GlassboxError {
  return new GlassboxError('postgres_too_old', `the server is PostgreSQL ${Math.floor(version / 10_000)}`)
}

/** Whether the schema holds our tables (their version), nothing of ours and nothing in the way (0), or foreign ones (throws). */
export async function schemaVersion(client: pg.ClientBase, schema: string): Promise<number> {
  const { rows } = await client.query(
    `SELECT obj_description(n.oid, 'pg_namespace') AS mark, coalesce((SELECT string_agg(relname, ', ' ORDER BY relname)
       FROM pg_class c WHERE c.relnamespace = n.oid AND relkind IN ('r', 'p', 'v', 'm', 'f')), '') AS tables
     FROM pg_namespace n WHERE nspname = $1`,
    [schema],
  )
  const found = rows[0] as { mark: string | null; tables: string } | undefined
  if (!found) return 0
  const version = found.mark?.startsWith(OURS) ? Number(found.mark.slice(OURS.length + 1)) : 0
  if (version === 0 && found.tables !== '') {
    const shown = found.tables.split(', ').slice(0, 5).join(', ')
    throw new GlassboxError(
      'postgres_foreign_table',
      `schema ${schema} holds tables that Glassbox did not make: ${shown}`,
    )
  }
  if (version > SCHEMA_VERSION) {
    throw new GlassboxError(
      'postgres_foreign_table',
      `schema ${schema} was made by a newer Glassbox (layout ${version}, this one knows ${SCHEMA_VERSION})`,
      'Update this Glassbox, or choose another schema with storage.postgresSchema.',
    )
  }
  return version
}

/**
 * Makes the schema unless it is there. Safe when several hosts start at once.
 * @throws GlassboxError `postgres_foreign_table`, `postgres_no_rights`, `postgres_too_old`, `postgres_read_only`
 */
export async function ensureSchema(
  client: pg.ClientBase,
  target: PostgresTarget,
  nowUs: number,
  durable: boolean,
): Promise<void> {
  const { schema } = target
  try {
    await checkServer(client)
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [TABLE_LOCK])
    if ((await schemaVersion(client, schema)) === 0) {
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
      await client.query(TABLES.replaceAll('SCHEMA', schema))
      await client.query(VIEWS.replaceAll('SCHEMA', schema))
      await client.query(`INSERT INTO ${schema}._marker VALUES (true)`)
      await client.query(`COMMENT ON SCHEMA ${schema} IS '${OURS} ${SCHEMA_VERSION}'`)
    }
    await client.query('COMMIT')
  } catch (error) {
    if (!isAway(error)) await client.query('ROLLBACK').catch(() => undefined)
    throw postgresError(error, target)
  }
  const today = dayOf(nowUs)
  for (let day = today; day <= today + DAYS_AHEAD; day++) await ensureDay(client, schema, day, durable)
}

/** UTC day number of a time in µs. */
export function dayOf(us: number): number {
  return Math.floor(us / 86_400e6)
}

/** Name of a day's partition: `_traces_20260115`. */
export function partitionName(signal: 'traces' | 'logs', day: number): string {
  return `_${signal}_${new Date(day * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')}`
}

/** Makes the partitions of one day of receipt, in a short transaction of its own. */
export async function ensureDay(client: pg.ClientBase, schema: string, day: number, durable: boolean): Promise<void> {
  const { rows } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [
    `${schema}.${partitionName('logs', day)}`,
  ])
  if ((rows[0] as { there: boolean }).there) return
  const traces = partitionName('traces', day)
  const logs = partitionName('logs', day)
  const kind = durable ? '' : 'UNLOGGED'
  await client.query('BEGIN')
  try {
    await client.query("SET LOCAL lock_timeout = '5s'")
    await client.query('SELECT pg_advisory_xact_lock($1)', [TABLE_LOCK])
    // A day that another host made meanwhile is there now: every statement passes over what exists.
    await client.query(`
      CREATE ${kind} TABLE IF NOT EXISTS ${schema}.${traces} PARTITION OF ${schema}._traces FOR VALUES IN (${day});
      CREATE INDEX IF NOT EXISTS ${traces}_trace ON ${schema}.${traces} (trace_id);
      CREATE INDEX IF NOT EXISTS ${traces}_start ON ${schema}.${traces} (start);
      CREATE INDEX IF NOT EXISTS ${traces}_seq ON ${schema}.${traces} USING brin (seq) WITH (pages_per_range = 32);
      CREATE ${kind} TABLE IF NOT EXISTS ${schema}.${logs} PARTITION OF ${schema}._logs FOR VALUES IN (${day});
      CREATE INDEX IF NOT EXISTS ${logs}_time ON ${schema}.${logs} (time);
      CREATE INDEX IF NOT EXISTS ${logs}_trace ON ${schema}.${logs} (trace_id) WHERE trace_id IS NOT NULL;
      CREATE INDEX IF NOT EXISTS ${logs}_seq ON ${schema}.${logs} USING brin (seq) WITH (pages_per_range = 32);`)
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}
