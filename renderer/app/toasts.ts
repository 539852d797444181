import { shallowReactive } from 'vue'

export interface Toast {
  id: number
  text: string
  kind: 'info' | 'error'
  action: { label: string; run: () => void } | null
}

const SHOWN_MS = 6000
const MOST = 4
let next = 1

/** What the toast corner shows; at most four, the oldest goes first. */
export const toasts = shallowReactive<Toast[]>([])

export function showToast(text: string, options: { kind?: Toast['kind']; action?: Toast['action'] } = {}): void {
  const toast: Toast = { id: next++, text, kind: options.kind ?? 'info', action: options.action ?? null }
  toasts.push(toast)
  while (toasts.length > MOST) toasts.shift()
  setTimeout(() => closeToast(toast.id), SHOWN_MS)
}

export function closeToast(id: number): void {
  const index = toasts.findIndex((toast) => toast.id === id)
  if (index >= 0) toasts.splice(index, 1)
}
