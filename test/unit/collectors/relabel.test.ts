import { describe, expect, it } from 'vitest'
import { Relabeller } from '../../../core/collectors/scrape/relabel.ts'
import { targetOf } from '../../../core/collectors/scrape/target.ts'
import { applySettings, defaultSettings, type RelabelRule, type ScrapeJob } from '../../../core/config/settings.ts'

const jobOf = (given: object): ScrapeJob =>
  applySettings(defaultSettings, { 'collectors.scrape.jobs': [{ job: 'shop', ...given }] }).collectors.scrape.jobs[0]

/** The labels after the rules, null when they drop the set. */
function relabelled(labels: Record<string, string>, ...rules: Partial<RelabelRule>[]): Record<string, string> | null {
  const map = new Map(Object.entries(labels))
  return new Relabeller(jobOf({ relabel: rules }).relabel).apply(map) ? Object.fromEntries(map) : null
}

describe('relabelling', () => {
  const labels = { a: 'foo', b: 'bar', c: 'baz' }
  it.each<[string, Partial<RelabelRule>, Record<string, string> | null]>([
    // Cases of Prometheus' own relabel_test.go.
    [
      'replaces with groups',
      { sourceLabels: ['a'], regex: 'f(.*)', targetLabel: 'd', separator: ';', replacement: 'ch${1}-ch${1}' },
      { ...labels, d: 'choo-choo' },
    ],
    [
      'joins sources',
      { sourceLabels: ['a', 'b'], regex: 'f(.*);(.*)r', targetLabel: 'a', replacement: 'b${1}${2}m' },
      { ...labels, a: 'boobam' },
    ],
    ['leaves alone what does not match', { sourceLabels: ['a'], regex: 'o', targetLabel: 'd' }, labels],
    [
      'takes a label away by an empty value',
      { sourceLabels: ['a'], targetLabel: 'b', replacement: '' },
      { a: 'foo', c: 'baz' },
    ],
    ['drops', { action: 'drop', sourceLabels: ['a'], regex: '.*o.*' }, null],
    ['anchors', { action: 'drop', sourceLabels: ['a'], regex: 'o' }, labels],
    ['keeps', { action: 'keep', sourceLabels: ['a'], regex: 'f.*' }, labels],
    ['keeps nothing else', { action: 'keep', sourceLabels: ['a'], regex: 'no' }, null],
    ['dropequal', { action: 'dropequal', sourceLabels: ['a'], targetLabel: 'b' }, labels],
    ['keepequal', { action: 'keepequal', sourceLabels: ['a'], targetLabel: 'b' }, null],
    [
      'hashes as Prometheus does',
      { action: 'hashmod', sourceLabels: ['c'], targetLabel: 'd', modulus: 1000 },
      { ...labels, d: '976' },
    ],
    ['lowercase', { action: 'lowercase', sourceLabels: ['a'], targetLabel: 'a' }, labels],
    ['uppercase', { action: 'uppercase', sourceLabels: ['a'], targetLabel: 'a' }, { ...labels, a: 'FOO' }],
    ['labelmap', { action: 'labelmap', regex: '(b.*)', replacement: 'bar_${1}' }, { ...labels, bar_b: 'bar' }],
    ['labeldrop', { action: 'labeldrop', regex: '[bc]' }, { a: 'foo' }],
    ['labelkeep', { action: 'labelkeep', regex: 'b' }, { b: 'bar' }],
  ])('%s', (_what, rule, wanted) => {
    expect(relabelled(labels, rule)).toEqual(wanted)
  })

  it('refuses rules that cannot work when they are set', () => {
    expect(() => jobOf({ relabel: [{ regex: '(' }] })).toThrow('regular expression')
    expect(() => jobOf({ relabel: [{ action: 'hashmod', targetLabel: 'x' }] })).toThrow('modulus')
    expect(() => jobOf({ relabel: [{ action: 'replace', targetLabel: '' }] })).toThrow('targetLabel')
  })
})

describe('a target', () => {
  const of = (address: string, given: object = {}, meta: Record<string, string> = {}) => {
    const job = jobOf(given)
    const group = { source: 's', targets: [address], labels: meta }
    return targetOf(address, group, job, { intervalMs: 15_000, timeoutMs: 10_000 }, new Relabeller(job.relabel))
  }

  it('has job, instance and its address from what was discovered', () => {
    const { discovered, target } = of('box:9100', { params: { module: ['a', 'b'] } }, { __meta_x: '1', zone: 'eu' })
    expect(target?.url).toBe('http://box:9100/metrics?module=b&module=a')
    expect(target?.labels).toEqual({ job: 'shop', instance: 'box:9100', zone: 'eu' })
    expect(discovered).toMatchObject({ __address__: 'box:9100', __meta_x: '1', __scrape_interval__: '15s' })
  })

  it('takes whole addresses and what relabelling makes of them', () => {
    const whole = of('https://box:9100/probe?target=x')
    expect(whole.target?.url).toBe('https://box:9100/probe?target=x')
    const moved = of(
      'box:1',
      {
        relabel: [
          { sourceLabels: ['__meta_path'], targetLabel: '__metrics_path__' },
          { targetLabel: '__scrape_interval__', replacement: '30s' },
          { targetLabel: 'instance', replacement: 'named' },
        ],
      },
      { __meta_path: '/own' },
    )
    expect(moved.target).toMatchObject({ url: 'http://box:1/own', intervalMs: 30_000, labels: { instance: 'named' } })
  })

  it('says why it is none', () => {
    expect(of('box:1', { relabel: [{ action: 'drop', sourceLabels: ['job'], regex: 'shop' }] })).toMatchObject({
      target: null,
      why: '',
    })
    expect(of('', {}).why).toBe('it has no address')
    expect(of('a b', {}).why).toContain('no address')
  })
})
