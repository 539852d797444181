import type { HostRound } from '../host/host-collector.ts'
import type { Reading } from '../host/readings.ts'

/** What is said of the machine beside its name. */
export interface HostIdentity {
  /** The operating system's own id of the machine, or empty. */
  id: string
  version: string
}

/** Units as UCUM writes them, by the word in a Prometheus name. */
const UNITS: Record<string, string> = { seconds: 's', bytes: 'By', celsius: 'Cel', ratio: '1' }

/**
 * The name and unit under which the receiver's own mapping (OpenTelemetry's Prometheus compatibility) makes the
 * reading's metric again: `system_cpu_time_seconds_total` is `system.cpu.time` in `s`.
 */
export function otlpName({ metric, type, unit }: Reading): { name: string; unit: string } {
  let name = metric
  if (type === 'counter') name = name.replace(/_total$/, '')
  if (unit !== '') name = name.replace(new RegExp(`_${unit}$`), '')
  return { name: name.replaceAll('_', '.'), unit: UNITS[unit] ?? '' }
}

type Attribute = { key: string; value: { stringValue: string } }

const attributes = (pairs: Iterable<readonly [string, string]>): Attribute[] =>
  [...pairs].filter(([, value]) => value !== '').map(([key, stringValue]) => ({ key, value: { stringValue } }))

/**
 * One round as the `resourceMetrics` of OTLP/JSON, one resource a job: `service.name` and `service.instance.id` become
 * `job` and `instance`, `host.name` and `host.id` stand in `target_info`. The scope has no name, or its label would
 * tell an agent's series from those of the host itself.
 */
export function resourceMetricsOf({ host, timeMs, groups }: HostRound, identity: HostIdentity): object[] {
  const timeUnixNano = `${timeMs}000000`
  return groups.map(({ job, readings }) => {
    const metrics = new Map<string, { description: string; unit: string; counter: boolean; dataPoints: object[] }>()
    for (const reading of readings) {
      if (!Number.isFinite(reading.value)) continue
      const { name, unit } = otlpName(reading)
      let metric = metrics.get(name)
      if (!metric) {
        metric = { description: reading.help, unit, counter: reading.type === 'counter', dataPoints: [] }
        metrics.set(name, metric)
      }
      metric.dataPoints.push({ attributes: attributes(reading.labels), timeUnixNano, asDouble: reading.value })
    }
    return {
      resource: {
        attributes: attributes([
          ['service.name', job],
          ['service.instance.id', host],
          ['host.name', host],
          ['host.id', identity.id],
          ['telemetry.distro.name', 'glassbox-agent'],
          ['telemetry.distro.version', identity.version],
        ]),
      },
      scopeMetrics: [
        {
          metrics: [...metrics].map(([name, { description, unit, counter, dataPoints }]) => ({
            name,
            description,
            unit,
            ...(counter
              ? { sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints } }
              : { gauge: { dataPoints } }),
          })),
        },
      ],
    }
  })
}
