import { cpus, freemem, loadavg, totalmem, uptime } from 'node:os'
import si from 'systeminformation'
import { type Readings, reading } from './readings.ts'

/** macOS and Windows: Node's own figures where it has them, systeminformation for the rest. */
export async function readOtherSystem(): Promise<Readings> {
  const out: Readings = { readings: [], unreadable: [] }
  const totals: Record<string, number> = {}
  for (const { times } of cpus())
    for (const [state, ms] of Object.entries(times)) totals[state] = (totals[state] ?? 0) + ms / 1000
  for (const [state, value] of Object.entries(totals))
    out.readings.push(reading('system_cpu_time_seconds_total', value, { state: state === 'sys' ? 'system' : state }))
  const [one, five, fifteen] = loadavg()
  out.readings.push(
    reading('system_cpu_logical_count', cpus().length),
    reading('system_load_average_1m', one),
    reading('system_load_average_5m', five),
    reading('system_load_average_15m', fifteen),
    reading('system_memory_limit_bytes', totalmem()),
    reading('system_memory_usage_bytes', totalmem() - freemem(), { state: 'used' }),
    reading('system_memory_usage_bytes', freemem(), { state: 'free' }),
    reading('system_uptime_seconds', uptime()),
  )
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    await work().catch((error: Error) => out.unreadable.push({ what, why: error.message }))
  }
  await attempt('file systems', async () => {
    for (const { mount, type, used, available } of await si.fsSize()) {
      const labels = { mountpoint: mount, type }
      out.readings.push(
        reading('system_filesystem_usage_bytes', used, { ...labels, state: 'used' }),
        reading('system_filesystem_usage_bytes', available, { ...labels, state: 'free' }),
      )
    }
  })
  await attempt('network', async () => {
    for (const { iface: device, rx_bytes, tx_bytes } of await si.networkStats('*')) {
      out.readings.push(
        reading('system_network_io_bytes_total', rx_bytes, { device, direction: 'receive' }),
        reading('system_network_io_bytes_total', tx_bytes, { device, direction: 'transmit' }),
      )
    }
  })
  return out
}

/** The same systems' temperature and battery. */
export async function readOtherSensors(): Promise<Readings> {
  const out: Readings = { readings: [], unreadable: [] }
  const [temperature, battery] = await Promise.all([
    si.cpuTemperature().catch(() => null),
    si.battery().catch(() => null),
  ])
  if (typeof temperature?.main === 'number' && temperature.main > 0)
    out.readings.push(reading('system_temperature_celsius', temperature.main, { sensor: 'cpu' }))
  if (battery?.hasBattery) out.readings.push(reading('system_battery_charge_ratio', battery.percent / 100))
  return out
}
