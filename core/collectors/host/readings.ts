import type { MetricType } from '../../model/series.ts'

/** One measured number. Counters count from the start of the machine or process. */
export interface Reading {
  metric: string
  type: MetricType
  unit: string
  help: string
  labels: [string, string][]
  value: number
}

export interface Unreadable {
  what: string
  why: string
}

/** What a reader found, and what it could not read with the reason. */
export interface Readings {
  readings: Reading[]
  unreadable: Unreadable[]
}

export const METRICS = {
  system_cpu_time_seconds_total: ['counter', 'seconds', 'Time of all cores by mode'],
  system_cpu_logical_count: ['gauge', '', 'Logical cores'],
  system_load_average_1m: ['gauge', '', 'Load average of one minute'],
  system_load_average_5m: ['gauge', '', 'Load average of five minutes'],
  system_load_average_15m: ['gauge', '', 'Load average of fifteen minutes'],
  system_memory_usage_bytes: ['gauge', 'bytes', 'Memory by state'],
  system_memory_limit_bytes: ['gauge', 'bytes', 'Memory of the machine'],
  system_paging_usage_bytes: ['gauge', 'bytes', 'Swap by state'],
  system_disk_io_bytes_total: ['counter', 'bytes', 'Bytes read and written by device'],
  system_disk_operations_total: ['counter', '', 'Reads and writes by device'],
  system_filesystem_usage_bytes: ['gauge', 'bytes', 'Space of a file system by state'],
  system_network_io_bytes_total: ['counter', 'bytes', 'Bytes by interface and direction'],
  system_network_errors_total: ['counter', '', 'Errors by interface and direction'],
  system_uptime_seconds: ['gauge', 'seconds', 'Time since the machine started'],
  system_temperature_celsius: ['gauge', 'celsius', 'Temperature by sensor'],
  system_battery_charge_ratio: ['gauge', 'ratio', 'Charge of the battery'],
  hw_gpu_utilization_ratio: ['gauge', 'ratio', 'Share of time that a graphics card was busy'],
  hw_gpu_memory_usage_bytes: ['gauge', 'bytes', 'Memory in use on a graphics card'],
  process_cpu_seconds_total: ['counter', 'seconds', 'CPU time of one of the top processes'],
  process_resident_memory_bytes: ['gauge', 'bytes', 'Memory of one of the top processes'],
  nodejs_eventloop_delay_seconds: ['gauge', 'seconds', 'Event loop delay by quantile'],
  nodejs_eventloop_utilization_ratio: ['gauge', 'ratio', 'Share of time that the event loop was busy'],
  nodejs_heap_usage_bytes: ['gauge', 'bytes', 'Heap by state'],
  nodejs_gc_duration_seconds_total: ['counter', 'seconds', 'Time spent in garbage collection'],
  nodejs_resident_memory_bytes: ['gauge', 'bytes', 'Memory of the process'],
  nodejs_cpu_seconds_total: ['counter', 'seconds', 'CPU time of the process by mode'],
  glassbox_agent_queue_bytes: ['gauge', 'bytes', 'Figures that wait on disk for the server'],
  glassbox_agent_dropped_rounds_total: ['counter', '', 'Rounds that found no room, or that the server refused'],
  glassbox_agent_rejected_points_total: ['counter', '', 'Points that the server rejected'],
  glassbox_collector_info: ['gauge', '', 'Version and system of a host collector, always 1'],
  glassbox_collector_interval_seconds: ['gauge', 'seconds', 'Time between two rounds of a host collector'],
  glassbox_collector_unreadable: ['gauge', '', '1 for what a host collector cannot read, 0 once it can again'],
  glassbox_received_total: ['counter', '', 'Spans, log records and points received'],
  glassbox_waiting: ['gauge', '', 'Spans, log records and points that wait to be written'],
  glassbox_jobs_running: ['gauge', '', 'Long work that runs: backups, moves, imports, exports'],
  glassbox_dropped_total: ['counter', '', 'Spans, log records and points taken but not kept'],
} as const satisfies Record<string, [MetricType, string, string]>

export type HostMetric = keyof typeof METRICS

export function reading(metric: HostMetric, value: number, labels: Record<string, string> = {}): Reading {
  const [type, unit, help] = METRICS[metric]
  return { metric, type, unit, help, value, labels: Object.entries(labels) }
}
