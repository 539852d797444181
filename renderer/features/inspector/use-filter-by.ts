import { useRoute } from 'vue-router'
import { useRange } from '../../app/stores/range.ts'
import { showToast } from '../../app/toasts.ts'
import { useText } from '../../i18n/index.ts'
import { withFilter } from './derive/with-filter.ts'

/** Adds a value of a span to the filter of the list, with a way back. */
export function useFilterBy() {
  const route = useRoute()
  const range = useRange()
  const { t } = useText()
  return (key: string, value: string, out: boolean): void => {
    const before = typeof route.query.q === 'string' ? route.query.q : undefined
    range.change({ q: withFilter(before ?? '', key, value, out) })
    showToast(t(out ? 'inspector.filteredOut' : 'inspector.filteredIn', { key, value: value.slice(0, 60) }), {
      action: { label: t('inspector.undo'), run: () => range.change({ q: before }) },
    })
  }
}
