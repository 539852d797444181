import { GlassboxError } from '../../base/errors.ts'
import type { SqlResult } from '../store.ts'
import { METRICS_TABLE, metricColumns } from './metrics/sql-rows.ts'
import { isAway } from './postgres-error.ts'
import type { Session } from './session.ts'

/** Functions that reach beyond the tables or change the session; the transaction is read-only besides. */
const REFUSED =
  /\b(pg_\w+|lo_\w+|dblink\w*|set_config|current_setting|query_to_xml\w*|table_to_xml\w*|database_to_xml\w*|schema_to_xml\w*|cursor_to_xml\w*|nextval|setval|information_schema)\b/i

interface Plan {
  Schema?: string
  'Relation Name'?: string
  Plans?: Plan[]
}

/**
 * Runs one SELECT over `_traces`, `_logs`, which stand for the views of the logical schema, and `_metrics`. What else the query
 * would read is seen in its plan, before it runs.
 * @throws GlassboxError `bad_sql`
 */
export async function runSql(session: Session, query: string, limit: number): Promise<SqlResult> {
  const text = query.trim().replace(/;\s*$/, '')
  if (!/^(select|with)\b/i.test(text)) throw new GlassboxError('bad_sql', 'only a SELECT is allowed')
  const refused = REFUSED.exec(text)
  if (refused) throw new GlassboxError('bad_sql', `${refused[0]} is not allowed`)
  const { schema } = session
  const metrics = /\b_metrics\b/i.test(text) ? await metricColumns(session, text) : null
  const tables = `WITH _traces AS NOT MATERIALIZED (SELECT * FROM ${schema}.sql_traces), _logs AS NOT MATERIALIZED (SELECT * FROM ${schema}.sql_logs)`
  const named = metrics ? `${tables}, ${METRICS_TABLE}` : tables
  const recursive = /^with\s+recursive\b/i.test(text)
  const whole = /^with\b/i.test(text)
    ? `${recursive ? named.replace(/^WITH/, 'WITH RECURSIVE') : named}, ${text.replace(/^with(\s+recursive)?\s/i, '')}`
    : `${named} ${text}`
  try {
    // Nothing but what is named here can be found by its bare name.
    await session.rows('SET LOCAL search_path = pg_catalog, pg_temp')
    const [plan] = await session.plan<Plan>(whole, metrics ?? [])
    checkRelations(plan, schema)
    return await session.table(whole, limit, metrics ?? [])
  } catch (error) {
    const { code = '' } = error as { code?: string }
    if (error instanceof GlassboxError || code === '57014' || isAway(error)) throw error
    throw new GlassboxError('bad_sql', (error as Error).message)
  }
}

function checkRelations(plan: Plan, schema: string): void {
  const relation = plan['Relation Name']
  const allowed =
    plan.Schema === schema && (relation === undefined || /^_(traces|logs|resources|scopes)(_|$)/.test(relation))
  if (relation !== undefined && !allowed) {
    throw new GlassboxError('bad_sql', `${relation} is not allowed: only _traces, _logs and _metrics are`)
  }
  for (const child of plan.Plans ?? []) checkRelations(child, schema)
}
