import type { Messages } from '../en.ts'

export const traces: Messages['traces'] = { title: 'Traces' }
