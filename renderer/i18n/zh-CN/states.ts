import type { Messages } from '../en.ts'

export const states: Messages['states'] = {
  loading: '正在加载…',
  searching: '正在搜索… {seconds} 秒',
  cancel: '取消',
  cancelled: '搜索已取消',
  retry: '重试',
  retryNow: '立即重试',
  retryIn: '{seconds} 秒后重试',
  copyDetails: '复制详情',
  request: '请求 {id}',
  failed: '无法加载',
  unreachable: '核心程序没有响应',
  unreachableHint: '请确认 Glassbox 仍在运行，然后重试。',
  partial: '仅显示部分',
  connectionLost: '连接断开于 {time}',
  connectionLostText: '显示的是断开之前的数据。',
  brokeTitle: '页面的这一部分出错了',
  brokeHint: '其余部分不受影响。“重试”会重新绘制；“复制详情”便于报告问题。',
  noMatchWithout: '去掉其中一个条件后会有：',
  remove: '移除',
  clearAll: '移除全部条件',
}
