import type { Messages } from '../en.ts'

export const connect: Messages['connect'] = { title: '接入' }
