import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createOwnLog } from '../../../core/health/own-log.ts'
import { selfMetricsText } from '../../../core/health/self-metrics.ts'
import { emptyLedger } from '../../../core/pipeline/ledger.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-log-'))
})
const logs = (): string => join(dataDir, 'logs')
const logFiles = (): string[] => (existsSync(logs()) ? readdirSync(logs()).sort() : [])
const bytesOf = (file: string): number => statSync(join(logs(), file)).size
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

it('writes lines to a file without secrets', async () => {
  const { log, close } = createOwnLog({ level: 'info', dataDir, token: 'feedc0ffee' })
  log.info({ password: 'hunter2', token: 'abc' }, 'opened http://h/#token=feedc0ffee and postgres://u:hunter2@h/db')
  log.debug('not shown')
  await close()
  const [file, ...others] = readdirSync(join(dataDir, 'logs'))
  expect(others).toEqual([])
  const text = readFileSync(join(dataDir, 'logs', file), 'utf8')
  expect(text.trim().split('\n')).toHaveLength(1)
  expect(JSON.parse(text)).toMatchObject({
    password: '[masked]',
    token: '[masked]',
    msg: 'opened http://h/#token=[token] and postgres://u:[masked]@h/db',
  })
})

it('begins a new file after 10 MB, keeps the older one and loses no line', async () => {
  const { log, close } = createOwnLog({ level: 'info', dataDir, token: '' })
  const padding = 'x'.repeat(1_000_000)
  let written = 0
  while (logFiles().length < 2 && written < 30) {
    log.info({ padding }, `line ${++written}`)
    const here = (): number => logFiles().reduce((sum, file) => sum + bytesOf(file), 0)
    await vi.waitUntil(() => logFiles().length === 2 || here() >= written * padding.length)
  }
  log.info('after the turn')
  await close()
  expect(logFiles()).toEqual(['glassbox.1.log', 'glassbox.log'])
  const told = logFiles()
    .flatMap((file) =>
      readFileSync(join(dataDir, 'logs', file), 'utf8')
        .trim()
        .split('\n'),
    )
    .map((line) => (JSON.parse(line) as { msg: string }).msg)
  expect(told).toEqual([...Array.from({ length: written }, (_, i) => `line ${i + 1}`), 'after the turn'])
})

it('goes on when the log folder cannot be used', async () => {
  writeFileSync(join(dataDir, 'logs'), 'a file where the folder should be')
  const { log, close } = createOwnLog({ level: 'info', dataDir, token: '' })
  log.info('still here')
  await close()
  mkdirSync(join(dataDir, 'other'))
  log.info('and after the end')
  expect(readFileSync(join(dataDir, 'logs'), 'utf8')).toBe('a file where the folder should be')
})

it('self-metrics are Prometheus text with every counter of the ledger', () => {
  const ledger = emptyLedger()
  ledger.traces.received = 12
  ledger.traces.dropped.queue_full = 2
  const text = selfMetricsText({
    version: '1"2',
    ledger,
    sampleRate: 1,
    breaker: 'open',
    storage: {
      engine: 'sqlite',
      spans: 10,
      logs: 0,
      traces: { bytes: 1, blocks: 1, oldest: null, newest: null },
      logsSize: { bytes: 0, blocks: 0, oldest: null, newest: null },
      fileBytes: 4096,
      walBytes: 0,
      freeBytes: 1,
      mode: 'normal',
      modeSince: null,
      modeReason: null,
      retentionPaused: null,
    },
    metrics: {
      series: 7,
      headSamples: 70,
      refusedSeries: [{ metric: 'bomb', samples: 3 }],
      limits: { maxSeries: 8, maxSeriesPerMetric: 4, outOfOrderMs: 0 },
    },
    cpuSeconds: 0.5,
    rssBytes: 1,
    heapBytes: 1,
    eventLoopDelay: Number.NaN,
    startedUs: 5e6,
  })
  expect(text).toContain('glassbox_build_info{version="1\\"2"} 1\n')
  expect(text).toContain('glassbox_received_total{signal="traces"} 12\n')
  expect(text).toContain('glassbox_dropped_total{signal="traces",reason="queue_full"} 2\n')
  expect(text).toContain('glassbox_series_refused_samples_total{metric="bomb"} 3\n')
  expect(text).toContain('glassbox_breaker_open 1\n')
  expect(text).toContain('glassbox_event_loop_delay_seconds NaN\n')
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="([^"\\]|\\.)*",?)*\})? (NaN|-?[\d.e+-]+))$/)
  }
})
