import type { Messages } from '../en.ts'

export const inspector: Messages['inspector'] = { title: 'Trace' }
