import type { Ref } from 'vue'
import { useRouter } from 'vue-router'
import { api, toProblem } from '../../api/client.ts'
import { useRange } from '../../app/stores/range.ts'
import { showToast } from '../../app/toasts.ts'
import { useText } from '../../i18n/index.ts'
import { copyText } from '../../ui/clipboard.ts'
import { percent } from '../../ui/format.ts'
import type { Culprit } from './derive/culprit.ts'
import { markdownSummary } from './derive/markdown.ts'
import type { Operation } from './derive/operations.ts'
import type { LoadedTrace } from './use-trace.ts'

/** What leaves the inspector: files and a summary to paste. */
export function useExport(
  loaded: () => LoadedTrace | null,
  operations: Readonly<Ref<readonly Operation[]>>,
  culprit: Readonly<Ref<Culprit | null>>,
) {
  const router = useRouter()
  const range = useRange()
  const { t } = useText()

  async function download(format: 'otlp' | 'jaeger' | 'zipkin'): Promise<void> {
    const one = loaded()
    if (!one) return
    try {
      const answer = await api.exportTrace(one.trace.traceId, format)
      const address = URL.createObjectURL(await answer.blob())
      const link = document.createElement('a')
      link.href = address
      link.download = `trace-${one.trace.traceId}.${format}.json`
      link.click()
      URL.revokeObjectURL(address)
    } catch (error) {
      const problem = toProblem(error)
      showToast([problem.title, problem.detail, problem.hint].filter(Boolean).join(' · '), { kind: 'error' })
    }
  }

  async function copyMarkdown(): Promise<void> {
    const one = loaded()
    if (!one) return
    const { start, end } = range.bounds
    const { path, query } = router.currentRoute.value
    const frozen = { ...query, start: String(start), end: String(end), range: undefined, live: undefined }
    const link = window.location.origin + router.resolve({ path, query: frozen }).href
    const found = culprit.value
    const sentence = found
      ? t('inspector.culpritText', {
          share: percent(found.share),
          name: found.operation.count > 1 ? `${found.operation.name} ×${found.operation.count}` : found.operation.name,
          owner: found.operation.owner,
        }) + (found.suspectNPlusOne ? ' N+1?' : '')
      : ''
    const text = markdownSummary(one.trace, one.layout, operations.value, found, link, {
      sentence,
      operation: t('inspector.operation'),
      service: t('inspector.service'),
      calls: t('inspector.column-count'),
      self: t('inspector.column-self'),
      total: t('inspector.column-total'),
      errors: t('inspector.column-errors'),
      open: t('inspector.openTrace'),
    })
    if (await copyText(text)) showToast(t('inspector.markdownCopied'))
  }
  return { download, copyMarkdown }
}
