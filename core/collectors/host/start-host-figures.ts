import type { Settings } from '../../config/settings.ts'
import { HostCollector, type HostCollectorOptions } from './host-collector.ts'

/** The host collector as the settings say, from now on and after each change of them. */
export function startHostFigures(
  settings: Settings,
  optionsFor: (intervalMs: number) => HostCollectorOptions,
): { configure(settings: Settings): void; stop(): Promise<void> } {
  let running: { collector: HostCollector; intervalMs: number } | null = null
  /** Ends when the collector before the present one has. */
  let ended: Promise<void> = Promise.resolve()

  function configure({ collectors }: Settings): void {
    const { enabled, intervalMs } = collectors.host
    if (running && enabled && running.intervalMs === intervalMs) return
    if (running) {
      const { collector } = running
      ended = ended.then(() => collector.stop())
    }
    running = enabled ? { collector: new HostCollector(optionsFor(intervalMs)), intervalMs } : null
  }
  configure(settings)

  return {
    configure,
    stop: async () => {
      await Promise.all([ended, running?.collector.stop()])
      running = null
    },
  }
}
