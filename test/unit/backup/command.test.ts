import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { sumsOf } from '../../../core/backup/day-totals.ts'
import { applySettings, defaultSettings } from '../../../core/config/settings.ts'
import { openSqliteStore } from '../../../core/storage/sqlite/store.ts'
import { logBatch, randomTelemetry, spanBatch } from '../../conformance/telemetry-rows.ts'
import { glassbox } from '../../fixtures/command.ts'

const root = mkdtempSync(join(tmpdir(), 'glassbox-backup-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined }
const settings = applySettings(defaultSettings, { 'storage.reserveBytes': 0 })

async function fill(dataDir: string, seed: number): Promise<void> {
  const store = await openSqliteStore({ dataDir, settings, log: quiet })
  const { spans, logs } = randomTelemetry(seed, 200)
  await store.writer.write({ spans: [spanBatch(spans)], logs: [logBatch(logs)] })
  await store.metrics.writeSamples({
    series: [[['__name__', `up_${seed}`]]],
    seriesOf: Uint32Array.of(0, 0),
    times: Float64Array.of(Date.now() - 60_000, Date.now() - 50_000),
    values: Float64Array.of(1, seed),
    kinds: Uint8Array.of(0, 0),
    histograms: new Map(),
    exemplars: [],
    metadata: [],
  })
  await store.stop()
}

async function content(dataDir: string): Promise<unknown> {
  const store = await openSqliteStore({ dataDir, settings, log: quiet })
  const sums = await sumsOf(store.reader, AbortSignal.timeout(20_000))
  const names = await store.metrics.labelValues('__name__', [], { start: 0, end: Date.now() }, 100)
  await store.stop()
  return { sums, names }
}

it('backs up, verifies and restores a chain with a password, and tells a bad one by its exit code', async () => {
  const dataDir = join(root, 'data')
  const folder = join(root, 'archives')
  const password = join(root, 'password')
  writeFileSync(password, 'a password\n')
  await fill(dataDir, 1)
  const run = (...args: string[]) => glassbox([...args, '--password-file', password, '--json'])
  const full = await run('backup', '--data-dir', dataDir, '--to', `${folder}/`)
  expect(full).toMatchObject({ code: 0 })
  expect(JSON.parse(full.stdout)).toMatchObject({ kind: 'full', spans: 200, logs: 200, samples: 2 })
  await fill(dataDir, 2)
  const more = await run('backup', '--data-dir', dataDir, '--to', `${folder}/`, '--kind', 'incremental')
  expect(more).toMatchObject({ code: 0 })
  expect(JSON.parse(more.stdout)).toMatchObject({ kind: 'incremental', spans: 200, logs: 200, samples: 4 })
  const before = await content(dataDir)

  const { file } = JSON.parse(more.stdout) as { file: string }
  // Over data that is there: it is replaced, and kept before.
  await fill(join(root, 'third'), 3)
  // Each is a process of its own; they do not touch one another.
  const [verified, restored, over] = await Promise.all([
    run('verify', file, '--deep'),
    run('restore', file, '--data-dir', join(root, 'other')),
    run('restore', file, '--data-dir', join(root, 'third')),
  ])
  expect(verified, verified.stderr).toMatchObject({ code: 0 })
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, deep: true, chain: 2 })
  expect(restored, restored.stderr).toMatchObject({ code: 0 })
  expect(await content(join(root, 'other'))).toEqual(before)
  expect(over, over.stderr).toMatchObject({ code: 0 })
  expect(await content(join(root, 'third'))).toEqual(before)

  const { safetyBackup } = JSON.parse(over.stdout) as { safetyBackup: string }
  const wrong = join(root, 'wrong')
  writeFileSync(wrong, 'another')
  const codes = await Promise.all([
    run('verify', safetyBackup, '--deep'),
    glassbox(['verify', file, '--password-file', wrong]),
    glassbox(['restore', file, '--data-dir', join(root, 'new')]),
    glassbox(['verify', join(root, 'none')]),
  ])
  expect(codes.map(({ code }) => code)).toEqual([0, 3, 3, 6])
  expect(readdirSync(root)).not.toContain('new/auxiliary.db')
  const damaged = readFileSync(file)
  damaged[damaged.length - 200] ^= 1
  writeFileSync(file, damaged)
  const refused = await Promise.all([run('verify', file), run('restore', file, '--data-dir', join(root, 'third'))])
  expect(refused.map(({ code }) => code)).toEqual([4, 4])
  expect(await content(join(root, 'third'))).toEqual(before)
  const { file: first } = JSON.parse(full.stdout) as { file: string }
  rmSync(first)
  expect((await run('verify', file)).code).toBe(4)
}, 600_000)
