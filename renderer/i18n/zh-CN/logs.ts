import type { Messages } from '../en.ts'

export const logs: Messages['logs'] = {
  title: '日志',
  lines: '{count} 行',
  severity: '最低级别',
  any: '全部',
  search: '搜索文本，或 键 运算符 值',
  time: '时间',
  level: '级别',
  service: '服务',
  message: '消息',
  openTrace: '打开 Trace',
  none: '没有匹配的日志',
  noneText: '扩大时间范围，或去掉一个筛选条件。',
  histogram: '按级别统计的日志数量',
}
