import { GlassboxError } from '../../../base/errors.ts'
import { clip, mergeSamples } from '../../sqlite/metrics/merge-samples.ts'
import { Part } from '../../sqlite/metrics/sample-block.ts'
import { boundsOf } from '../../sqlite/metrics/sql-bounds.ts'
import { type MetricRow, namedSeries, rowsOfSeries } from '../../sqlite/metrics/sql-rows.ts'
import type { Session } from '../session.ts'
import { type Gathered, readLogged, readStored } from './move-metrics.ts'

/** Rows that one SELECT may look at: they go to the server as its parameters. */
const MOST_ROWS = 300_000
const SERIES_A_STEP = 500

/** `_metrics` of one SELECT, as a table expression and its six parameters, $1 to $6. */
export const METRICS_TABLE = `_metrics AS (SELECT * FROM unnest($1::text[], $2::jsonb[], $3::int8[], $4::float8[],
  $5::text[], $6::text[]) AS m (metric, labels, time, value, type, histogram))`

/**
 * The samples that a SELECT over `_metrics` can be about, column by column. Chunks are compressed, so that the server
 * cannot read them itself.
 * @throws GlassboxError `query_too_large` when there are too many
 */
export async function metricColumns(session: Session, query: string): Promise<unknown[][]> {
  const { metrics, startMs, endMs } = boundsOf(query)
  const { schema } = session
  const types = new Map(
    (await session.rows<{ metric: string; type: string }>(`SELECT metric, type FROM ${schema}._metric_metadata`)).map(
      ({ metric, type }) => [metric, type],
    ),
  )
  const named = metrics === null ? '' : "WHERE labels ->> '__name__' = ANY($1::text[])"
  const series = await session.rows<{ id: string; key: string }>(
    `SELECT id::text AS id, key FROM ${schema}._metric_series ${named} ORDER BY n`,
    metrics === null ? [] : [metrics],
  )
  const columns: unknown[][] = [[], [], [], [], [], []]
  const within = `start <= ${Math.floor(endMs)} AND until >= ${Math.floor(startMs)}`
  for (let at = 0; at < series.length; at += SERIES_A_STEP) {
    const some = series.slice(at, at + SERIES_A_STEP)
    const ids = some.map(({ id }) => id)
    const found = new Map<string, Gathered>()
    await readStored(session, within, ids, found)
    await readLogged(session, 'true', ids, found)
    const bySeries = Map.groupBy(
      [...found.values()].filter(({ part }) => part === Part.samples),
      ({ id }) => id,
    )
    for (const { id, key } of some) {
      const parts = (bySeries.get(id) ?? []).flatMap((one) => one.parts)
      const samples = parts.length > 0 ? clip(mergeSamples(parts), startMs, endMs) : null
      if (samples) add(columns, rowsOfSeries(namedSeries((JSON.parse(key) as string[]).join('\0'), types), samples))
    }
  }
  return columns
}

function add(columns: unknown[][], rows: Iterable<MetricRow>): void {
  for (const row of rows) {
    if (columns[0].length >= MOST_ROWS) {
      throw new GlassboxError(
        'query_too_large',
        `the query looks at more than ${MOST_ROWS} samples`,
        "Name metrics and a time in its WHERE: metric = '...' AND time >= ...",
      )
    }
    for (const [i, value] of row.entries()) columns[i].push(value)
  }
}
