import type { Messages } from '../en.ts'

export const system: Messages['system'] = {
  cpu: 'CPU',
  memory: '内存',
  disk: '磁盘',
  diskIo: '磁盘 I/O',
  network: '网络',
  eventLoop: '事件循环 P99',
  heap: '堆',
  queue: '队列',
  ofWhole: '共 {whole}',
  changeHint: '与此时间范围的平均值相比',
  noPoints: '此时间范围内没有数据',
  keyTable: '以表格显示图表',
  keyPoint: '在图表上：选择点和线，Enter 打开对应的 Traces',
  keySelect: '在图表上：选择时间范围，Enter 放大',
}
