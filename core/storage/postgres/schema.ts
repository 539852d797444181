import type pg from 'pg'
import { SPAN_KINDS, SPAN_STATUSES } from '../../model/records.ts'
import type { PostgresTarget } from './connection.ts'
import { ensureMetricTables } from './metrics/metric-tables.ts'
import { DAYS_AHEAD, dayOf, ensurePart, firstPart, TABLE_LOCK } from './parts.ts'
import { PINNED_TABLE } from './pinned-traces.ts'
import { isAway, postgresError } from './postgres-error.ts'
import { PostgresRefusal } from './refusals.ts'
import { WHOLE_TABLE } from './settled-parts.ts'
import { VALUE_FILTERS } from './value-filters.ts'

/** Grows when tables change. Telemetry is disposable: an older layout is recognised and never written to. */
export const SCHEMA_VERSION = 2
const OURS = 'glassbox telemetry'
const OLDEST_SERVER = 140_000

/**
 * Ids are bytes, what is mostly empty is NULL and stands last: a narrow row is what COPY costs. `part` names the
 * partition, `ordinal` the place of the row within its write, spans by trace, as they lie on disk.
 */
const TRACES = `
  part int4 NOT NULL, ordinal int4 NOT NULL, start int8 NOT NULL, dur int8 NOT NULL, resource int8 NOT NULL,
  scope int8 NOT NULL, seq int8 NOT NULL, host int8 NOT NULL, kind int2 NOT NULL, status int2 NOT NULL,
  start_ns int2 NOT NULL, dur_ns int2 NOT NULL, trace_id bytea NOT NULL, span_id bytea NOT NULL,
  name text COLLATE "C" NOT NULL, attributes jsonb NOT NULL, parent_id bytea, typed text, events text, links text,
  status_message text, trace_state text, flags int8, dropped_attributes int8, dropped_events int8, dropped_links int8,
  marks int2, sample_rate int4`

/** What one write knows of each of its traces: pages and histograms read these, a tenth of the rows and narrow. */
const EXTENTS = `
  part int4 NOT NULL, failed bool NOT NULL, seq int8 NOT NULL, start int8 NOT NULL, dur int8 NOT NULL,
  trace_id bytea NOT NULL`

const LOGS = `
  part int4 NOT NULL, ordinal int4 NOT NULL, time int8 NOT NULL, observed int8 NOT NULL, resource int8 NOT NULL,
  scope int8 NOT NULL, seq int8 NOT NULL, host int8 NOT NULL, time_ns int2 NOT NULL, observed_ns int2 NOT NULL,
  time_source int2 NOT NULL, severity int2 NOT NULL, body_type int2 NOT NULL, body text COLLATE "C" NOT NULL,
  attributes jsonb NOT NULL, severity_text text, event_name text, trace_id bytea, span_id bytea, typed text, flags int8,
  dropped_attributes int8`

const ENTRY = `id int8 PRIMARY KEY, n int8 GENERATED ALWAYS AS IDENTITY UNIQUE, attributes text NOT NULL,
  dropped int8 NOT NULL, schema_url text NOT NULL`
const names = (list: readonly string[]): string => `ARRAY[${list.map((name) => `'${name}'`).join(',')}]`
const HOST = "lpad(to_hex(host), 12, '0') AS host"

/** What SQL of a person sees: the logical schema, read-only by nature of the joins. */
const VIEWS = `
  CREATE OR REPLACE VIEW SCHEMA.sql_traces AS SELECT encode(trace_id, 'hex') AS trace_id,
    encode(span_id, 'hex') AS span_id, encode(parent_id, 'hex') AS parent_id, t.name,
    (${names(SPAN_KINDS)})[kind + 1] AS kind, start, dur, (${names(SPAN_STATUSES)})[status + 1] AS status,
    coalesce(status_message, '') AS status_message, r.service, coalesce(r.plain, '{}') AS resource,
    coalesce(s.name, '') AS scope, t.attributes, coalesce(events, '[]') AS events, coalesce(links, '[]') AS links,
    coalesce(trace_state, '') AS trace_state, coalesce(flags, 0) AS flags, ${HOST}
    FROM SCHEMA._traces t LEFT JOIN SCHEMA._resources r ON r.id = t.resource LEFT JOIN SCHEMA._scopes s ON s.id = t.scope;
  CREATE OR REPLACE VIEW SCHEMA.sql_logs AS SELECT time, severity, coalesce(severity_text, '') AS severity_text,
    r.service, body, encode(trace_id, 'hex') AS trace_id, encode(span_id, 'hex') AS span_id, l.attributes,
    coalesce(r.plain, '{}') AS resource, coalesce(s.name, '') AS scope, coalesce(event_name, '') AS event_name, ${HOST}
    FROM SCHEMA._logs l LEFT JOIN SCHEMA._resources r ON r.id = l.resource LEFT JOIN SCHEMA._scopes s ON s.id = l.scope;`

const TABLES = `
  CREATE TABLE SCHEMA._meta (key text PRIMARY KEY, value text NOT NULL);
  CREATE TABLE SCHEMA._traces (${TRACES}) PARTITION BY LIST (part);
  CREATE TABLE SCHEMA._extents (${EXTENTS}) PARTITION BY LIST (part);
  CREATE TABLE SCHEMA._logs (${LOGS}) PARTITION BY LIST (part);
  CREATE TABLE SCHEMA._parts (part int4 PRIMARY KEY, closed timestamptz, indexed bool NOT NULL DEFAULT false,
    shift int8 NOT NULL DEFAULT 0);
  CREATE TABLE SCHEMA._resources (${ENTRY}, service text COLLATE "C" NOT NULL, plain jsonb NOT NULL);
  CREATE TABLE SCHEMA._scopes (${ENTRY}, name text NOT NULL, version text NOT NULL);
  CREATE SEQUENCE SCHEMA._write_seq;
  CREATE TABLE SCHEMA._writes (seq int8 PRIMARY KEY, id uuid NOT NULL UNIQUE, spans int8 NOT NULL, logs int8 NOT NULL,
    parts int4[] NOT NULL, at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE SCHEMA._stored (host text NOT NULL, part int4 NOT NULL, signal text NOT NULL, rows int8 NOT NULL,
    min_time int8 NOT NULL, max_time int8 NOT NULL, PRIMARY KEY (host, part, signal));
  CREATE UNLOGGED TABLE SCHEMA._counts (signal text NOT NULL, part int4 NOT NULL, seq int8 NOT NULL,
    resource int8 NOT NULL, rows int4 NOT NULL, errors int4 NOT NULL, min_time int8 NOT NULL, max_time int8 NOT NULL);
  CREATE INDEX _counts_part ON SCHEMA._counts (part, signal);
  CREATE UNLOGGED TABLE SCHEMA._removed (trace_id bytea PRIMARY KEY, at int8 NOT NULL);
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
  if (version < OLDEST_SERVER) throw new PostgresRefusal('too_old', { version: Math.floor(version / 10_000) })
  if (standby || locked) {
    throw new PostgresRefusal(standby ? 'standby' : 'database_read_only')
  }
  return { version, readOnly: false }
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
    throw new PostgresRefusal('foreign_tables', { schema, tables: shown })
  }
  const layouts = { schema, theirs: version, ours: SCHEMA_VERSION }
  if (version > SCHEMA_VERSION) throw new PostgresRefusal('newer_layout', layouts)
  if (version > 0 && version < SCHEMA_VERSION) throw new PostgresRefusal('older_layout', layouts)
  return version
}

/** Tables that were made before they were to outlive a crash; parts that are there stay as they are. */
async function makeDurable(client: pg.ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relpersistence = 'u'
       AND relname IN ('_counts', '_removed', '_value_filters', '_metric_log', '_metric_exemplars')`,
    [schema],
  )
  for (const { relname } of rows as { relname: string }[])
    await client.query(`ALTER TABLE ${schema}.${relname} SET LOGGED`)
}

/** Makes what schemas of before lack. Changes nothing where it is there, as a change of a table waits for who reads it. */
async function ensureTable(client: pg.ClientBase, schema: string, table: string, sql: string): Promise<void> {
  const { rows } = await client.query('SELECT to_regclass($1) IS NOT NULL AS there', [`${schema}.${table}`])
  if (!(rows[0] as { there: boolean }).there) await client.query(sql.replaceAll('SCHEMA', schema))
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
      // The marker goes with what is UNLOGGED, whatever of it there is.
      const tables = durable ? TABLES.replace(/UNLOGGED (?=TABLE SCHEMA\._(?!marker))/g, '') : TABLES
      await client.query(tables.replaceAll('SCHEMA', schema))
      await client.query(VIEWS.replaceAll('SCHEMA', schema))
      await ensureMetricTables(client, schema, durable)
      await client.query(`INSERT INTO ${schema}._marker VALUES (true)`)
      await client.query(`COMMENT ON SCHEMA ${schema} IS '${OURS} ${SCHEMA_VERSION}'`)
    }
    // Schemas made before there were pins and settled parts get these, too.
    await client.query(PINNED_TABLE.replaceAll('SCHEMA', schema))
    await ensureTable(client, schema, '_whole', WHOLE_TABLE)
    await ensureTable(client, schema, '_value_filters', VALUE_FILTERS(durable ? '' : 'UNLOGGED'))
    if (durable) await makeDurable(client, schema)
    await client.query('COMMIT')
  } catch (error) {
    if (!isAway(error)) await client.query('ROLLBACK').catch(() => undefined)
    throw postgresError(error, target)
  }
  const today = dayOf(nowUs)
  for (let day = today; day <= today + DAYS_AHEAD; day++) await ensurePart(client, schema, firstPart(day), durable)
}
