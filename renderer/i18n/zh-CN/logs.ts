import type { Messages } from '../en.ts'

export const logs: Messages['logs'] = { title: '日志' }
