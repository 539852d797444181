import { describe, expect, test } from 'vitest'
import { runScript } from '../../fixtures/promqltest/run.ts'

/** Cases of our own, in Prometheus' test language, so that the engine is tested where Prometheus' cases are absent. */
const SCRIPTS: Record<string, string> = {
  'selectors, lookback and staleness': `
load 1m
  up{job="a"} 1 2 3 _ stale 6
  up{job="b"} 10+10x5

eval instant at 2m up
  up{job="a"} 3
  up{job="b"} 30

# A gap is bridged by the lookback, a stale marker is not.
eval range from 0 to 5m step 1m up{job="a"}
  up{job="a"} 1 2 3 3 _ 6

# Left-open: a sample exactly five minutes old is too old.
eval instant at 10m up
  up{job="a"} _

eval instant at 9m59s up{job="b"}
  up{job="b"} 60

eval instant at 3m up offset -1m
  up{job="b"} 50

eval instant at 5m up{job="b"} @ 60
  up{job="b"} 20

eval instant at 2m count_over_time(up[2m])
  {job="a"} 2
  {job="b"} 2

eval instant at 2m absent(up{job="c", x=~"y"})
  {job="c"} 1
`,
  'clamping of what is no number': `
load 1m
  odd NaN

eval instant at 0 clamp_min(odd, Inf)
  {} +Inf

eval instant at 0 clamp_max(odd, -Inf)
  {} -Inf

eval instant at 0 clamp_min(odd, 1)
  {} NaN

eval instant at 0 clamp(odd, -Inf, Inf)
  {} NaN

eval instant at 0 clamp(odd, Inf, Inf)
  {} +Inf

eval instant at 0 clamp_max(odd, 1)
  {} NaN
`,
  'rates and their extrapolation': `
load 15s
  requests_total 0+10x40
  reset_total 0+10x20 0+10x20

eval instant at 5m rate(requests_total[1m])
  expect no_info
  {} 0.6666666666666666

eval instant at 6m increase(reset_total[5m])
  {} 189.47368421052633

eval instant at 5m rate(requests_total[15s])

load 1m
  gauge 0 10 20 30 40

eval instant at 4m rate(gauge[2m1s])
  expect info msg: PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "gauge" (1:6)
  {} 0.16666666666666666

eval instant at 4m deriv(gauge[5m])
  {} 0.16666666666666666

eval instant at 4m predict_linear(gauge[5m], 60)
  {} 50
`,
  'operators and matching': `
load 1m
  errors{code="500", path="/a"} 2
  errors{code="404", path="/a"} 3
  errors{code="500", path="/b"} 1
  total{path="/a"} 10
  total{path="/b"} 5
  other{path="/b"} 1

eval instant at 0 errors / on(path) group_left total
  {code="500", path="/a"} 0.2
  {code="404", path="/a"} 0.3
  {code="500", path="/b"} 0.2

eval instant at 0 total * on(path) errors
  expect fail msg: found duplicate series for the match group {path="/a"} on the right hand-side of the operation: [{__name__="errors", code="404", path="/a"}, {__name__="errors", code="500", path="/a"}];many-to-many matching not allowed: matching labels must be unique on one side

eval instant at 0 errors > 1
  errors{code="500", path="/a"} 2
  errors{code="404", path="/a"} 3

eval instant at 0 errors > bool 1
  {code="500", path="/a"} 1
  {code="404", path="/a"} 1
  {code="500", path="/b"} 0

eval instant at 0 2 < errors
  errors{code="404", path="/a"} 3

eval instant at 0 total unless on(path) errors{code="404"}
  total{path="/b"} 5

eval instant at 0 errors{path="/c"} or vector(7)
  {} 7

eval instant at 0 total + on(path) fill(100) errors{code="404"}
  {path="/a"} 13
  {path="/b"} 105

eval instant at 0 -5 % 3
  -2

eval instant at 0 1 / 0
  Inf

eval instant at 0 {__name__=~"other|total", path="/b"} * 2
  expect fail msg: vector cannot contain metrics with the same labelset
`,
  'aggregations and NaN': `
load 1m
  m{a="1", b="x"} 3
  m{a="2", b="x"} NaN
  m{a="3", b="y"} 1
  m{a="4", b="y"} 2

eval instant at 0 sort(m)
  expect ordered
  m{a="3", b="y"} 1
  m{a="4", b="y"} 2
  m{a="1", b="x"} 3
  m{a="2", b="x"} NaN

eval instant at 0 sort_desc(m)
  expect ordered
  m{a="1", b="x"} 3
  m{a="4", b="y"} 2
  m{a="3", b="y"} 1
  m{a="2", b="x"} NaN

eval instant at 0 topk(2, m)
  expect ordered
  m{a="1", b="x"} 3
  m{a="4", b="y"} 2

eval instant at 0 max by (b) (m)
  {b="x"} 3
  {b="y"} 2

eval instant at 0 avg without (a) (m{b="y"})
  {b="y"} 1.5

eval instant at 0 count_values("v", m{b="y"})
  {v="1"} 1
  {v="2"} 1

eval instant at 0 quantile(0.5, m{b="y"})
  {} 1.5

eval instant at 0 quantile(1.5, m)
  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)
  {} Inf

load 1m
  big{a="1"} 1e100
  big{a="2"} 1
  big{a="3"} -1e100

eval instant at 0 sum(big)
  {} 1
`,
  histograms: `
load 1m
  h_bucket{le="1.0"} 5
  h_bucket{le="2.0"} 8
  h_bucket{le="+Inf"} 10
  n {{schema:0 count:4 sum:8 buckets:[1 2 1]}}

eval instant at 0 histogram_quantile(0.5, h_bucket)
  {} 1

eval instant at 0 histogram_quantile(0.95, h_bucket)
  {} 2

eval instant at 0 histogram_fraction(0, 2, h_bucket)
  {} 0.8

eval instant at 0 histogram_quantile(0.5, n)
  {} 1.4142135623730951

eval instant at 0 histogram_avg(n)
  {} 2

eval instant at 0 n + n
  {} {{schema:0 count:8 sum:16 buckets:[2 4 2]}}

eval instant at 0 n >/ 1
  n {{schema:0 count:3 sum:5.656854249492381 offset:1 buckets:[2 1]}}

eval instant at 0 n + 1
  expect info msg: PromQL info: incompatible sample types encountered for binary operator "+": histogram + float (1:1)

load 1m
  bad_bucket{le="1.0"} 5
  bad_bucket{le="2.0"} 4
  bad_bucket{le="+Inf"} 10

eval instant at 0 histogram_quantile(0.5, bad_bucket)
  expect info regex: .*needed to be fixed for monotonicity.* from buckets 2 to 2, with a max diff of 1, over 1 samples from .*Z to .*Z [(]1:25[)]
  {} 1
`,
  'labels, subqueries and names': `
load 1m
  m{path="/api/users"} 1+1x10

eval instant at 0 label_replace(m, "kind", "$1-\${2}x", "path", "/(\\\\w+)/(\\\\w+)")
  m{path="/api/users", kind="api-usersx"} 1

eval instant at 0 label_replace(m, "kind", "$1x", "path", "/(\\\\w+)/.*")
  m{path="/api/users"} 1

eval instant at 0 label_join(m, "both", "-", "path", "path")
  m{path="/api/users", both="/api/users-/api/users"} 1

eval instant at 10m sum_over_time(m[3m:1m])
  {path="/api/users"} 30

eval instant at 10m max_over_time((m * 2)[4m:2m] offset 2m)
  {path="/api/users"} 18

eval instant at 10m last_over_time(m[5m])
  m{path="/api/users"} 11

eval range from 0 to 2m step 1m sort(m)
  expect warn msg: PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)
  m{path="/api/users"} 1 2 3

eval instant at 10m m[2m]
  expect range vector from 9m to 10m step 1m
  m{path="/api/users"} 10 11

load 1m
  target_info{job="j", instance="i", version="2"} 1x10
  work_total{job="j", instance="i"} 5x10

eval instant at 5m info(work_total)
  work_total{job="j", instance="i", version="2"} 5

eval instant at 0 day_of_week(vector(1700000000))
  {} 2

eval instant at 0 days_in_month(vector(1709200000))
  {} 29
`,
}

describe('evaluation', () => {
  test.each(Object.entries(SCRIPTS))('%s', async (_, script) => {
    const report = await runScript(script)
    expect(report.failures.join('\n')).toBe('')
    expect(report.total).toBeGreaterThan(5)
    expect(report.passed).toBe(report.total)
  })

  test('the runner notices what is wrong', async () => {
    const report = await runScript(`
load 1m
  m{a="1"} 1

eval instant at 0 m
  m{a="1"} 2

eval instant at 0 m
  m{a="2"} 1

eval instant at 0 m

eval instant at 0 m
  expect fail
  m{a="1"} 1

eval instant at 0 m
  expect warn
  m{a="1"} 1

eval instant at 0 m
  m{a="1"} 1
  m{a="2"} 1
`)
    expect(report).toMatchObject({ passed: 0, total: 6 })
  })
})
