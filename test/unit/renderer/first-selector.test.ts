import { expect, it } from 'vitest'
import { firstSelector } from '../../../renderer/features/metrics/derive/first-selector.ts'

it.each([
  ['up', 'up'],
  ['rate(http_requests_total{job="a}b"}[5m])', 'http_requests_total{job="a}b"}'],
  ['sum by (job, instance) (rate(x_total[5m]))', 'x_total'],
  ['histogram_quantile(0.9, sum without (pod) (rate(y_bucket[1m])))', 'y_bucket'],
  ['{__name__=~".+", job="shop"}', '{__name__=~".+", job="shop"}'],
  ['label_replace(z, "a", "$1", "b", "c")', 'z'],
  ['1 + 2', ''],
  ['', ''],
])('finds what %s is about', (expression, selector) => {
  expect(firstSelector(expression)).toBe(selector)
})
