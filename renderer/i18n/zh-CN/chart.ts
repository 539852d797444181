import type { Messages } from '../en.ts'

export const chart: Messages['chart'] = {
  other: '其他',
  time: '时间',
  newestRows: '最新 {n} 行，共 {all} 行',
  summary: '{title}。{lines}。',
  summaryNone: '{title}：此时间范围内没有数据。',
  summaryLine: '{name}：最新 {last}，最低 {least}，最高 {most}（{when}）',
  summaryMore: '另有 {n} 条线',
}
