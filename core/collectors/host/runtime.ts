import { type EventLoopUtilization, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import { type Reading, reading } from './readings.ts'

const NS = 1e9

/** Event loop, heap and garbage collection of this process. Each `read` covers the time since the one before. */
export class NodeRuntime {
  #delay = monitorEventLoopDelay({ resolution: 20 })
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()
  #gcSeconds = 0
  #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) this.#gcSeconds += entry.duration / 1000
  })

  constructor() {
    this.#delay.enable()
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  read(): Reading[] {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization)
    this.#utilization = now
    const memory = process.memoryUsage()
    const cpu = process.cpuUsage()
    const out = [
      reading('nodejs_eventloop_delay_seconds', this.#delay.percentile(50) / NS, { quantile: '0.5' }),
      reading('nodejs_eventloop_delay_seconds', this.#delay.percentile(99) / NS, { quantile: '0.99' }),
      reading('nodejs_eventloop_utilization_ratio', utilization),
      reading('nodejs_heap_usage_bytes', memory.heapUsed, { state: 'used' }),
      reading('nodejs_heap_usage_bytes', memory.heapTotal, { state: 'total' }),
      reading('nodejs_resident_memory_bytes', memory.rss),
      reading('nodejs_gc_duration_seconds_total', this.#gcSeconds),
      reading('nodejs_cpu_seconds_total', cpu.user / 1e6, { state: 'user' }),
      reading('nodejs_cpu_seconds_total', cpu.system / 1e6, { state: 'system' }),
    ]
    this.#delay.reset()
    return out
  }

  stop(): void {
    this.#delay.disable()
    this.#observer.disconnect()
  }
}
