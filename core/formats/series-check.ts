import type { Labels } from '../model/series.ts'

const MOST_LABELS = 100
const LONGEST_NAME = 1024
const LONGEST_VALUE = 8192

/** Why a label set from a sender cannot be stored, or null. Names may be any UTF-8 (Prometheus 3). */
export function labelFault(labels: Labels): { reason: string; example: string } | null {
  let named = false
  if (labels.length > MOST_LABELS) return { reason: 'too_many_labels', example: `${labels.length} labels` }
  for (let i = 0; i < labels.length; i++) {
    const [name, value] = labels[i]
    if (name === '') return { reason: 'bad_label', example: 'an empty label name' }
    if (i > 0 && labels[i - 1][0] === name) return { reason: 'duplicate_label', example: name.slice(0, 100) }
    if (name.length > LONGEST_NAME) return { reason: 'label_too_long', example: `${name.slice(0, 60)}…` }
    if (value.length > LONGEST_VALUE) return { reason: 'label_too_long', example: `${name}=${value.slice(0, 60)}…` }
    if (name === '__name__' && value !== '') named = true
  }
  return named ? null : { reason: 'no_metric_name', example: JSON.stringify(labels).slice(0, 100) }
}
