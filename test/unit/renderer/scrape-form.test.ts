import { describe, expect, it } from 'vitest'
import { parseScrapeJob } from '../../../core/config/settings.ts'
import { fieldsOf, type JobFields, jobOf, type SavedJob } from '../../../renderer/features/settings/scrape/job-form.ts'
import { readRules, rulesYaml } from '../../../renderer/features/settings/scrape/rules-yaml.ts'

const none = { relabel: [], metricRelabel: [] }
const fields = (changes: Partial<JobFields> = {}): JobFields => ({
  ...fieldsOf(null, rulesYaml),
  job: 'node',
  targets: 'a:1\nb:2 zone=x, team = shop\nc:3',
  ...changes,
})

describe('the form of a scrape job', () => {
  it('brings a saved job back as it was, also what it does not show', () => {
    const saved = parseScrapeJob({
      job: 'shop',
      intervalMs: 5000,
      params: { module: ['http'] },
      sampleLimit: 10,
      static: [{ targets: ['a:1'] }, { targets: ['b:2', 'c:3'], labels: { zone: 'x' } }],
      dns: [{ names: ['_x._tcp.local'] }],
      auth: { type: 'basic', username: 'me', file: '/secret' },
      scheme: 'https',
      tls: { caFile: '/ca', certFile: '/cert', keyFile: '/key', serverName: 'box', insecureSkipVerify: true },
      proxyUrl: 'http://proxy:3128',
      relabel: [{ sourceLabels: ['env'], regex: 'test', action: 'drop' }],
    }) as SavedJob
    const shown = fieldsOf(saved, rulesYaml)
    expect(shown.targets).toBe('a:1\nb:2 zone=x\nc:3 zone=x')
    const { rules } = readRules(shown.relabel)
    const { job } = jobOf(shown, { relabel: rules ?? [], metricRelabel: [] }, saved, [])
    expect(parseScrapeJob(job)).toEqual(saved)
  })

  it('groups targets by their labels and leaves out times that are not given', () => {
    const { job } = jobOf(fields({ interval: '', timeout: '0.5' }), none, null, ['other'])
    expect(job?.static).toEqual([
      { targets: ['a:1', 'c:3'], labels: {} },
      { targets: ['b:2'], labels: { zone: 'x', team: 'shop' } },
    ])
    expect([job?.intervalMs, job?.timeoutMs]).toEqual([undefined, 500])
    expect(() => parseScrapeJob(job)).not.toThrow()
  })

  it.each<[string, Partial<JobFields>]>([
    ['name', { job: ' ' }],
    ['nameTwice', { job: 'taken' }],
    ['targets', { targets: '' }],
    ['label', { targets: 'a:1 zone' }],
    ['interval', { interval: 'soon' }],
    ['timeout', { interval: '5', timeout: '6' }],
    ['user', { auth: 'basic', secretFile: '/x' }],
    ['secretFile', { auth: 'bearer' }],
    ['pair', { certFile: '/cert' }],
    ['proxy', { proxyUrl: 'proxy:3128' }],
  ])('says what is wrong: %s', (fault, changes) => {
    expect(jobOf(fields(changes), none, null, ['taken']).fault).toBe(fault)
  })
})

describe('relabelling as YAML', () => {
  const rule = { source_labels: ['a'], regex: 5, target_label: 'b', action: 'replace' }

  it('reads a list, or what stands in a prometheus.yml, and numbers as texts', () => {
    const wanted = [{ sourceLabels: ['a'], regex: '5', targetLabel: 'b', action: 'replace' }]
    expect(readRules(JSON.stringify([rule])).rules).toEqual(wanted)
    expect(readRules(`metric_relabel_configs:\n- ${JSON.stringify(rule)}`).rules).toEqual(wanted)
    expect(readRules('').rules).toEqual([])
  })

  it('names what it cannot read', () => {
    expect(readRules('- a: [').fault).toMatchObject({ kind: 'yaml' })
    expect(readRules('- {regexp: x}').fault).toEqual({ kind: 'field', text: 'regexp' })
    expect(readRules('regex: x').fault).toEqual({ kind: 'list', text: '' })
    expect(readRules('- x').fault).toEqual({ kind: 'list', text: '' })
  })
})
