import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { zstdDecompressSync } from 'node:zlib'
import { expect, it } from 'vitest'
import type { SettingsAnswer } from '../../../core/api/contract/shapes.ts'
import { loadSettings } from '../../../core/config/load-settings.ts'
import type { LogRecord, Trace, TraceSummary } from '../../../core/model/records.ts'
import { OLD_DATA } from '../../fixtures/data-dirs/content.ts'
import { startTestHost } from '../../fixtures/running-host.ts'

const kept = fileURLToPath(new URL('../../fixtures/data-dirs', import.meta.url))
const versions = readdirSync(kept, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

it('keeps a data directory of each version', () => expect(versions).toContain('0.1.0'))

it.each(versions)(
  'opens the data directory of %s with everything in it, and goes on writing',
  async (version) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-old-'))
    let bytes = 0
    for (const name of readdirSync(join(kept, version))) {
      bytes += statSync(join(kept, version, name)).size
      const content = zstdDecompressSync(readFileSync(join(kept, version, name)))
      writeFileSync(join(dataDir, name.replace(/\.zst$/, '')), content, { mode: 0o600 })
    }
    expect(bytes).toBeLessThan(200_000)
    // Also the password: it opens with the key beside it.
    const { settings, sources } = loadSettings({ dataDir, flags: {}, environment: {} })
    expect([settings.backup.password, settings.privacy.removeKeys]).toEqual(['correct horse', ['x-internal']])
    const changes = Object.fromEntries(
      Object.keys(OLD_DATA.settings).map((key) => [
        key,
        key.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], settings),
      ]),
    )
    const host = await startTestHost(changes, undefined, { dataDir, sources })
    try {
      const saved = await host.get<SettingsAnswer>('/api/settings')
      expect(saved['privacy.removeKeys']).toMatchObject({ value: ['x-internal'], source: 'saved' })
      const range = `start=${OLD_DATA.startUs}&end=${OLD_DATA.endUs}`
      const traces = await host.get<{ items: TraceSummary[] }>(`/api/traces?${range}`)
      expect(traces.items).toMatchObject([
        { traceId: OLD_DATA.traceId, name: 'GET /cart', spanCount: 2, status: 'ERROR', dur: 250_000 },
      ])
      const trace = await host.get<Trace>(`/api/traces/${OLD_DATA.traceId}`)
      expect(trace.spans.map(({ name, statusMessage, events }) => [name, statusMessage, events.length])).toEqual([
        ['GET /cart', 'no stock', 1],
        ['select', '', 0],
      ])
      const logs = await host.get<{ items: LogRecord[] }>(`/api/logs?${range}`)
      expect(logs.items).toMatchObject([{ body: 'out of stock', severity: 17, traceId: OLD_DATA.traceId }])
      const at = OLD_DATA.startUs / 1e6 + 60
      const query = await host.get<{ data: { result: { values: unknown[] }[] } }>(
        `/api/v1/query?query=load[5m]&time=${at}`,
      )
      expect(query.data.result[0].values.map((pair) => (pair as [number, string])[1])).toEqual(['0.5', '1.5', '2.5'])
      const nanos = `${OLD_DATA.startUs}000`
      const span = {
        traceId: 'c1'.repeat(16),
        spanId: 'c1'.repeat(8),
        name: 'new',
        startTimeUnixNano: nanos,
        endTimeUnixNano: nanos,
      }
      const response = await fetch(`${host.otlp}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }),
      })
      expect(response.status).toBe(200)
      await expect.poll(async () => (await host.get<{ items: unknown[] }>(`/api/traces?${range}`)).items.length).toBe(2)
    } finally {
      await host.stop()
    }
  },
  60_000,
)
