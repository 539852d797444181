import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { Problem } from '../../../core/api/contract/shapes.ts'
import { toProblem } from '../../api/client.ts'
import { prometheus } from '../../api/prometheus.ts'
import type { MetricMetadata, TsdbStatus } from '../../api/prometheus-shapes.ts'
import { familiesOf } from './derive/catalogue.ts'

/** Metric names loaded at once; of more the person is told to search. */
export const MOST_NAMES = 5000
const KEPT_MS = 30_000

/** Which metrics there are, with type, unit, help and size: for the explorer, units and suggestions. */
export const useCatalogue = defineStore('metricCatalogue', () => {
  const names = shallowRef<string[]>([])
  const metadata = shallowRef<Record<string, MetricMetadata[]>>({})
  const status = shallowRef<TsdbStatus | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const loading = ref(false)
  const loaded = ref(false)
  const cut = ref(false)
  let loadedAt = 0

  const families = computed(() => {
    const counts = new Map(status.value?.seriesCountByMetricName.map(({ name, value }) => [name, value]) ?? [])
    return familiesOf(names.value, metadata.value, counts)
  })

  async function load(force = false): Promise<void> {
    if (loading.value || (!force && Date.now() - loadedAt < KEPT_MS)) return
    loading.value = true
    try {
      const [named, described, sizes] = await Promise.all([
        prometheus.labelValues('__name__', null, MOST_NAMES),
        prometheus.metadata(),
        prometheus.tsdbStatus(),
      ])
      names.value = named.data
      cut.value = (named.warnings ?? []).length > 0
      metadata.value = described.data
      status.value = sizes.data
      problem.value = null
      loaded.value = true
      loadedAt = Date.now()
    } catch (error) {
      problem.value = toProblem(error)
    } finally {
      loading.value = false
    }
  }

  return { names, families, status, problem, loading, loaded, cut, load }
})
