import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DiskQueue } from '../../../core/base/disk-queue.ts'
import { otlpName, resourceMetricsOf } from '../../../core/collectors/agent/otlp-round.ts'
import { METRICS, reading } from '../../../core/collectors/host/readings.ts'
import { DeltaSums } from '../../../core/formats/otlp/delta-sums.ts'
import { metricsFromJson } from '../../../core/formats/otlp/metrics-json.ts'
import { samplesFromOtlp } from '../../../core/formats/otlp/metrics-to-samples.ts'

describe('the queue on disk', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'glassbox-queue-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const open = (limit = 1000): DiskQueue => new DiskQueue(folder, '.round', () => limit)
  const textOf = (queue: DiskQueue, index = 0): string | null => {
    const body = queue.peek(index)?.body
    return body ? Buffer.from(body).toString() : null
  }

  it('keeps order and tags over a restart', () => {
    const first = open()
    for (const text of ['a', 'b', 'c']) expect(first.push(`tag_${text}`, Buffer.from(text))).toBe('kept')
    first.shift()
    const again = open()
    expect(again.length).toBe(2)
    expect(again.tags).toEqual(['tag_b', 'tag_c'])
    expect([textOf(again), textOf(again, 1)]).toEqual(['b', 'c'])
    again.push('', Buffer.from('d'))
    expect(textOf(open(), 2)).toBe('d')
  })

  it('says when it is full and takes again after a shift', () => {
    const queue = open(20)
    expect(queue.push('', Buffer.alloc(10))).toBe('kept')
    expect(queue.push('', Buffer.alloc(10))).toBe('full')
    queue.shift()
    expect(queue.bytes).toBe(0)
    expect(queue.push('', Buffer.alloc(10))).toBe('kept')
  })

  it('gives a damaged record as null and forgets a half-written one', () => {
    const queue = open()
    queue.push('', Buffer.from('whole'))
    writeFileSync(join(folder, 'part'), 'half')
    truncateSync(join(folder, readdirSync(folder).find((name) => name.endsWith('.round')) as string), 6)
    expect(open().peek()).toEqual({ tag: '', body: null })
    expect(readdirSync(folder)).not.toContain('part')
  })
})

describe("an agent's round", () => {
  const names = Object.keys(METRICS) as (keyof typeof METRICS)[]

  it('comes out of the receiver under the names and labels that the local collector writes', () => {
    const round = {
      host: 'box',
      timeMs: 1_700_000_000_123,
      groups: [{ job: 'host', readings: names.map((name, i) => reading(name, i, { state: 'x' })) }],
    }
    const body = { resourceMetrics: resourceMetricsOf(round, { id: 'f00', version: '1.2.3' }) }
    const { resources } = metricsFromJson(JSON.parse(JSON.stringify(body)))
    const { batch, rejected } = samplesFromOtlp(resources, new DeltaSums(), 0)
    expect(rejected).toEqual([])
    const got = Array.from(batch.seriesOf, (series, i) => [
      Object.fromEntries(batch.series[series]),
      batch.times[i],
      batch.values[i],
    ])
    const shared = { instance: 'box', job: 'host' }
    const info = {
      __name__: 'target_info',
      host_id: 'f00',
      host_name: 'box',
      telemetry_distro_name: 'glassbox-agent',
      telemetry_distro_version: '1.2.3',
      ...shared,
    }
    expect(got).toEqual([
      ...names.map((name, i) => [{ __name__: name, state: 'x', ...shared }, round.timeMs, i]),
      [info, round.timeMs, 1],
    ])
    const typed = new Map(batch.metadata.map(({ metric, type, unit }) => [metric, [type, unit]]))
    expect(typed.get('system_cpu_time_seconds_total')).toEqual(['counter', 'seconds'])
    expect(typed.get('system_memory_usage_bytes')).toEqual(['gauge', 'bytes'])
  })

  it('names metrics as OpenTelemetry does', () => {
    expect(otlpName(reading('system_cpu_time_seconds_total', 1))).toEqual({ name: 'system.cpu.time', unit: 's' })
    expect(otlpName(reading('system_network_io_bytes_total', 1))).toEqual({ name: 'system.network.io', unit: 'By' })
    expect(otlpName(reading('system_battery_charge_ratio', 1))).toEqual({ name: 'system.battery.charge', unit: '1' })
  })
})
