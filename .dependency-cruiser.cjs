/** The import table of the design: one rule a row, checked by `npm run lint`. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  comment: `${from} may import only: itself${allowed.length ? `, ${allowed.join(', ')}` : ''}`,
  from: { path: `^${from}` },
  to: { path: '^(core|electron|renderer|test|build)/', pathNot: [from, ...allowed].map((p) => `^${p}`) },
})
const core = (folder, allowed) =>
  only(
    `core-${folder}`,
    `core/${folder}/`,
    ['base', ...allowed].map((f) => `core/${f}`),
  )

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-vague-names',
      severity: 'error',
      from: {},
      to: { path: '/(utils|helpers|common|misc)(/|\\.ts$)', pathNot: 'node_modules' },
    },
    only('core-base', 'core/base/', []),
    core('model', []),
    core('config', ['model/']),
    core('formats', ['model/']),
    core('pipeline', ['model/', 'config/', 'formats/', 'storage/store.ts', 'storage/metric-store.ts']),
    core('receivers', ['model/', 'config/', 'formats/', 'pipeline/', 'health/']),
    core('collectors', ['model/', 'config/', 'formats/', 'pipeline/']),
    core('storage', [
      'model/',
      'config/',
      'query/filter-match.ts',
      'query/filter-language.ts',
      'query/trace-assembly.ts',
      'query/any-value.ts',
      'query/log-pattern.ts',
      'query/service-graph.ts',
      'query/selection-compare.ts',
      'query/structure-match.ts',
      'query/run-compare.ts',
      'query/latency-histogram.ts',
    ]),
    core('query', ['model/', 'storage/store.ts', 'storage/metric-store.ts']),
    core('jobs', ['model/']),
    core('backup', ['model/', 'config/', 'storage/', 'jobs/']),
    core('migrate', ['model/', 'config/', 'jobs/', 'storage/']),
    core('export', ['model/', 'formats/', 'jobs/', 'query/', 'storage/store.ts']),
    core('mcp', ['model/', 'query/any-value.ts']),
    core('health', ['model/', 'config/', 'formats/', 'pipeline/', 'storage/store.ts', 'api/contract/']),
    core('api/contract', ['model/', 'config/', 'pipeline/ledger.ts', 'storage/store.ts']),
    only('electron', 'electron/', ['core/']),
    only('renderer', 'renderer/', ['core/api/contract/', 'core/model/']),
    {
      name: 'core-is-headless',
      severity: 'error',
      from: { path: '^core/' },
      to: { path: '(^electron/|^renderer/|node_modules/(electron|vue|pinia|echarts)/)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^out/|^node_modules/)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'core/tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.vue', '.d.ts'],
    },
  },
}
