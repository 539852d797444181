import type pg from 'pg'
import { HeadSeries } from '../../sqlite/metrics/head-series.ts'
import type { MetricMemory } from '../../sqlite/metrics/metric-memory.ts'
import { readLogRow } from '../../sqlite/metrics/sample-log.ts'
import { byteaBytes, unlessDamaged } from './metric-tables.ts'

/** What another host has in its log: its first row tells when it moved samples into chunks, its last how far we read. */
interface OtherHost {
  first: number
  last: number
  series: Map<number, HeadSeries>
}

interface LogRow {
  id: number
  host: string
  series: string
  data: string
}

/** Recent samples of other hosts, in memory beside our own; they follow the other hosts' logs. */
export class ForeignSamples {
  readonly #hosts = new Map<string, OtherHost>()

  /**
   * Reads what is new in the logs of others.
   * @param localId our number of a series, by its hash; undefined when we do not know it
   */
  async follow(
    client: pg.ClientBase,
    schema: string,
    ownHost: string,
    memory: MetricMemory,
    localId: (hash: string) => number | undefined,
  ): Promise<void> {
    const { rows } = await client.query(
      `SELECT host, min(id) AS first, max(id) AS last FROM ${schema}._metric_log WHERE host <> $1 GROUP BY 1`,
      [ownHost],
    )
    const logs = rows as { host: string; first: number; last: number }[]
    // A host without a log has moved everything into chunks.
    for (const host of this.#hosts.keys()) if (!logs.some((log) => log.host === host)) this.#hosts.delete(host)
    for (const { host, first, last } of logs) {
      let known = this.#hosts.get(host)
      if (!known || first > known.first) {
        known = { first, last: 0, series: new Map() }
        this.#hosts.set(host, known)
      }
      if (last <= known.last) continue
      const news = await client.query(
        `SELECT id, host, series, data FROM ${schema}._metric_log WHERE host = $1 AND id > $2 ORDER BY id`,
        [host, known.last],
      )
      for (const row of news.rows as LogRow[]) {
        const host = known
        unlessDamaged(() => take(host, row, memory, localId))
        known.last = row.id
      }
    }
  }

  /** What each other host has of a series. */
  of(id: number): HeadSeries[] {
    const found: HeadSeries[] = []
    for (const { series } of this.#hosts.values()) {
      const one = series.get(id)
      if (one) found.push(one)
    }
    return found
  }
}

function take(host: OtherHost, row: LogRow, memory: MetricMemory, localId: (hash: string) => number | undefined): void {
  const ids = row.series.slice(1, -1).split(',').map(localId)
  readLogRow(byteaBytes(row.data), (index, time, value, kind, histogram) => {
    const id = ids[index]
    const own = id === undefined ? undefined : memory.byId.get(id)
    if (id === undefined || !own) return
    let series = host.series.get(id)
    if (!series) {
      series = new HeadSeries(id)
      host.series.set(id, series)
    }
    series.append(time, value, kind, histogram, Number.POSITIVE_INFINITY)
    own.noteBlocks(time, time)
  })
}
