import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseExposition } from '../../../core/formats/exposition/parse.ts'

const cases = new URL('../../../../shared/cases/', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, cases), 'utf8')
const format = (path: string): 'text' | 'openmetrics' => (path.includes('.om.') ? 'openmetrics' : 'text')

describe.runIf(existsSync(cases))('expositions from the field', () => {
  it.each([
    ['exposition/node-exporter-linux.prom.txt', 3027, 0],
    ['exposition/prometheus-server-old.prom.txt', 248, 0],
    ['exposition/all-types-exemplars-created.om.txt', 53 - 9, 6],
    ['exposition/inconsistent-label-sets.prom.txt', 19, 0],
    ['exposition/openmetrics-label-escaping.om.txt', 10, 0],
    ['exposition/openmetrics-histogram-exemplars.om.txt', 3, 3],
  ])('%s has %i samples', (path, samples, exemplars) => {
    const parsed = parseExposition(read(path), format(path))
    expect(parsed.samples).toHaveLength(samples)
    expect(parsed.samples.filter(({ exemplar }) => exemplar !== null)).toHaveLength(exemplars)
  })

  it('reads values and types of a node exporter', () => {
    const { samples, metadata } = parseExposition(read('exposition/node-exporter-linux.prom.txt'), 'text')
    const value = (wanted: string): number | undefined =>
      samples.find(({ labels }) => labels.map(([, text]) => text).join(' ') === wanted)?.value
    expect(value('node_load1')).toBe(0.21)
    expect(value('node_memory_MemTotal_bytes')).toBe(3831959552)
    expect(value('node_cpu_seconds_total 0 idle')).toBe(10870.69)
    expect(metadata.filter(({ type }) => type === 'counter')).toHaveLength(475)
    expect(metadata.filter(({ type }) => type === 'gauge')).toHaveLength(418)
  })

  it.each([
    ['broken/openmetrics-empty-body.om.txt', '# EOF'],
    ['broken/openmetrics-text-after-eof.om.txt', 'after # EOF'],
    ['broken/openmetrics-unquoted-label.om.txt', 'line 1'],
    ['broken/openmetrics-value-not-a-number.om.txt', 'line 1'],
  ])('%s fails whole', (path, why) => {
    expect(() => parseExposition(read(path), format(path))).toThrow(why)
  })
})

describe('the text format', () => {
  it('takes commas, blanks, comments, own times and quoted names; normalises le', () => {
    const body = '# hello\n\na{x="1", y="\\\\n\\"\\n",} 1e3 1700000000000\n{"b.c",le="1"} +Inf\nd{le="0.10"} NaN\n'
    expect(parseExposition(body, 'text').samples.map(({ labels, value, time }) => [labels, value, time])).toEqual([
      [
        [
          ['__name__', 'a'],
          ['x', '1'],
          ['y', '\\n"\n'],
        ],
        1000,
        1_700_000_000_000,
      ],
      [
        [
          ['__name__', 'b.c'],
          ['le', '1.0'],
        ],
        Number.POSITIVE_INFINITY,
        null,
      ],
      [
        [
          ['__name__', 'd'],
          ['le', '0.1'],
        ],
        Number.NaN,
        null,
      ],
    ])
  })

  it.each(['a 0x10', 'a 1_0', 'a{x="1",x="2"} 1', 'a{x=1} 1', 'a', 'a 1 2 3', '1a 2'])('refuses %j', (line) => {
    expect(() => parseExposition(`ok 1\n${line}\n`, 'text')).toThrow('line 2')
  })
})
