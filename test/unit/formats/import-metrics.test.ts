import { expect, it } from 'vitest'
import { type ImportPart, importFile } from '../../../core/formats/import/import-file.ts'

const NOW_US = 1_750_000_000_000_000

async function read(name: string, text: string): Promise<{ rows: unknown[]; refused: unknown[]; warnings: string[] }> {
  const parts: ImportPart[] = []
  const bytes = Buffer.from(text)
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
  }
  for await (const part of importFile(chunks(), name, NOW_US)) parts.push(part)
  const rows = parts.flatMap(({ samples }) =>
    samples
      ? Array.from(samples.batch.seriesOf, (series, i) => [
          samples.batch.series[series].map(([key, value]) => `${key}=${value}`).join(' '),
          samples.batch.times[i],
          samples.batch.values[i],
        ])
      : [],
  )
  return {
    rows,
    refused: parts.flatMap(({ refused }) => refused ?? []),
    warnings: parts.flatMap(({ warning }) => warning ?? []),
  }
}

it('reads Prometheus text with times in ms, a bad line costing itself only', async () => {
  const { rows, refused } = await read(
    'node.prom',
    '# HELP up Is it up\n# TYPE up gauge\nup{job="a"} 1 1700000000000\nup{job=} 1\nup{job="a"} 0 1700000015000\nnow 5\n',
  )
  expect(rows).toEqual([
    ['__name__=up job=a', 1_700_000_000_000, 1],
    ['__name__=up job=a', 1_700_000_015_000, 0],
    ['__name__=now', NOW_US / 1000, 5],
  ])
  expect(refused).toMatchObject([{ line: 4 }])
})

it('tells OpenMetrics by its seconds and says when it was cut', async () => {
  const text = '# TYPE orders counter\norders_total 1 1700000000\norders_total 2 1700000015.5\n'
  const whole = await read('orders.txt', `${text}# EOF\n`)
  expect(whole.rows).toEqual([
    ['__name__=orders_total', 1_700_000_000_000, 1],
    ['__name__=orders_total', 1_700_000_015_500, 2],
  ])
  expect(whole.refused).toEqual([])
  const cut = await read('orders.txt', text)
  expect(cut.rows).toHaveLength(2)
  expect(cut.refused).toMatchObject([{ reason: expect.stringContaining('# EOF') }])
})

it('reads OTLP metrics beside other lines, and says on which line a point was refused', async () => {
  const line = (points: object[]) =>
    JSON.stringify({
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'g', gauge: { dataPoints: points } }] }] }],
    })
  const good = { timeUnixNano: '1700000000000000000', asInt: '3' }
  const { rows, refused } = await read('m.jsonl', `${line([good])}\n${line([{ timeUnixNano: '1' }])}\n`)
  expect(rows).toEqual([['__name__=g job=unknown_service', 1_700_000_000_000, 3]])
  expect(refused).toEqual([{ line: 2, reason: 'no_value: g' }])
})

it('still takes a JSON file for JSON', async () => {
  expect((await read('x.json', '{"a": 1}')).refused).toHaveLength(1)
  expect((await read('x.txt', 'hello there\n')).rows).toEqual([])
})
