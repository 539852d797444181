import type { KeyValue } from '../model/records.ts'
import type { MatrixSeries } from '../query/promql/answer.ts'

/** Native histograms have no value of their own and are left out of both forms. */

/**
 * OTLP metrics: every series a gauge, as what is stored no longer says what it was sent as. `job` and `instance` become
 * the resource's `service.name` and `service.instance.id`, which come back as those labels.
 */
export function otlpSamples(series: readonly MatrixSeries[]): { resourceMetrics: unknown[] } {
  const resources = new Map<string, { attributes: KeyValue[]; metrics: Map<string, unknown[]> }>()
  for (const { labels, times, values } of series) {
    const named = Object.fromEntries(labels)
    const { __name__: name = '', job = '', instance = '' } = named
    const key = JSON.stringify([job, instance])
    const resource = resources.get(key) ?? {
      attributes: [
        ...(job === '' ? [] : [text('service.name', job)]),
        ...(instance === '' ? [] : [text('service.instance.id', instance)]),
      ],
      metrics: new Map<string, unknown[]>(),
    }
    resources.set(key, resource)
    const points = resource.metrics.get(name) ?? []
    resource.metrics.set(name, points)
    const attributes = labels
      .filter(([label]) => label !== '__name__' && label !== 'job' && label !== 'instance')
      .map(([label, value]) => text(label, value))
    times.forEach((time, i) => {
      const value = values[i]
      if (Number.isNaN(value)) return
      const asDouble = Number.isFinite(value) ? value : value > 0 ? 'Infinity' : '-Infinity'
      points.push({ timeUnixNano: `${time}000000`, asDouble, attributes })
    })
  }
  return {
    resourceMetrics: [...resources.values()].map(({ attributes, metrics }) => ({
      resource: { attributes, droppedAttributesCount: 0 },
      scopeMetrics: [
        {
          metrics: [...metrics]
            .filter(([, dataPoints]) => dataPoints.length > 0)
            .map(([name, dataPoints]) => ({ name, gauge: { dataPoints } })),
        },
      ],
    })),
  }
}

const text = (key: string, stringValue: string): KeyValue => ({ key, value: { stringValue } })

/** Prometheus' text form with times in ms; names and labels as they are stored. */
export function prometheusSamples(series: readonly MatrixSeries[]): string {
  let out = ''
  for (const { labels, times, values, histograms } of series) {
    const name = labels.find(([label]) => label === '__name__')?.[1] ?? ''
    const pairs = labels
      .filter(([label]) => label !== '__name__')
      .map(([label, value]) => `${label}="${escaped(value)}"`)
    const head = pairs.length > 0 ? `${name}{${pairs.join(',')}}` : name
    times.forEach((time, i) => {
      if (histograms?.[i]) return
      out += `${head} ${prometheusNumber(values[i])} ${time}\n`
    })
  }
  return out
}

const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')

function prometheusNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf'
}
