import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImportAnswer, PipelineAnswer } from '../../../core/api/contract/shapes.ts'
import type { Trace } from '../../../core/model/records.ts'
import { glassbox } from '../../fixtures/command.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { badCases, casesFolder, goodCases } from './case-counts.ts'

const path = (file: string): string => `${casesFolder}/${file}`

describe.skipIf(!existsSync(casesFolder))('files from the field through a running host', () => {
  let host: RunningHost
  beforeAll(async () => {
    host = await startTestHost({ 'sampling.enabled': false })
  })
  afterAll(() => host?.stop())
  const post = (file: string): Promise<ImportAnswer> =>
    host.get(`/api/import?name=${encodeURIComponent(basename(file))}`, {
      method: 'POST',
      body: readFileSync(path(file)),
    })

  it('POST /api/import answers with the counts of each file', async () => {
    for (const [file, { traces = 0, spans = 0, logs = 0 }] of goodCases)
      expect(await post(file), file).toMatchObject({ traces, spans, logs, refused: [] })
    for (const [file, reason] of badCases) {
      const answer = await post(file)
      expect(answer, file).toMatchObject({ traces: 0, spans: 0, logs: 0 })
      expect(answer.refused.map((entry) => entry.reason).join('\n'), file).toMatch(reason)
    }
  })

  it('glassbox import says the same of the same files, and doubles no span', async () => {
    const before = (await host.get<PipelineAnswer>('/api/pipeline')).traces
    const files = goodCases.map(([file]) => path(file))
    const { code, stdout, stderr } = await glassbox(['import', ...files, '--json', '--data-dir', host.dataDir])
    expect([code, stderr]).toEqual([0, ''])
    const reports = JSON.parse(stdout) as (ImportAnswer & { file: string })[]
    for (const [index, [file, { traces = 0, spans = 0, logs = 0 }]] of goodCases.entries())
      expect(reports[index], file).toMatchObject({ file: path(file), traces, spans, logs, refused: [] })
    const after = (await host.get<PipelineAnswer>('/api/pipeline')).traces
    expect(after.stored).toBe(before.stored)
    expect(after.received - before.received).toBe(goodCases.reduce((sum, [, { spans = 0 }]) => sum + spans, 0))
  })

  it('traces are found again, years old or of 1970, whole and with their logs', async () => {
    // Log records have no identity: imported twice, they are there twice.
    const linked = await host.get<Trace>('/api/traces/5b8aa5a2d2c872e8321cf37308d69df2')
    expect([linked.spans.length, linked.logs.length, linked.summary.rootMissing]).toEqual([3, 6, false])
    // 84 of its entries have no time of their own, and it is of 2016: drawn at the time of the import it would last years.
    const [{ dur }] = (
      await host.get<{ items: { dur: number }[] }>('/api/traces?start=0&operation=get+%2Flogin%2Ftokenauth&limit=1')
    ).items
    expect(Math.round(dur / 1000)).toBe(306_017)
    const { items } = await host.get<{ items: { traceId: string; spanCount: number; start: number }[] }>(
      '/api/traces?start=0&end=10000000000&limit=20',
    )
    // Two files use one trace id: 9 and 3 spans.
    expect(items.map(({ spanCount }) => spanCount)).toContain(12)
    for (const format of ['otlp', 'jaeger', 'zipkin']) {
      const file = await host.get<unknown>(`/api/traces/${linked.traceId}/export?format=${format}`)
      const again = await host.get<ImportAnswer>('/api/import?name=again.json', {
        method: 'POST',
        body: JSON.stringify(file),
      })
      expect(again, format).toMatchObject({ traces: 1, spans: 3, refused: [] })
    }
    const after = await host.get<Trace>('/api/traces/5b8aa5a2d2c872e8321cf37308d69df2')
    expect(after.spans).toEqual(linked.spans)
  })
})
