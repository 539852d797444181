import type { Problem } from '../../core/api/contract/shapes.ts'

/** A problem as one text: what happened, then what to do, each as a sentence of its own. */
export function problemText({ title, detail, hint }: Pick<Problem, 'title' | 'detail' | 'hint'>): string {
  return [detail || title, hint]
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(closed)
    .join(' ')
}

const closed = (text: string): string => {
  if (/[.!?…。！？]["”’)）]?$/.test(text)) return text
  return `${text}${/\p{Script=Han}$/u.test(text) ? '。' : '.'}`
}
