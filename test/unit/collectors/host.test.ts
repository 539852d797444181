import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../core/base/clock.ts'
import { HostCollector, type HostRound, samplesOfRound } from '../../../core/collectors/host/host-collector.ts'
import { cpu, disks, memory, network } from '../../../core/collectors/host/linux.ts'
import { nvidiaReadings, readLinuxSensors } from '../../../core/collectors/host/linux-sensors.ts'
import type { Reading } from '../../../core/collectors/host/readings.ts'

const flat = (list: Reading[]): [string, number][] =>
  list.map(({ metric, labels, value }) => [[metric, ...labels.map(([, text]) => text)].join(' '), value])

describe('the host collector', () => {
  it('reads the kernel files', () => {
    expect(flat(cpu('cpu  100 0 50 1000 5 0 1 0 0 0\ncpu0 50 0\ncpu1 50 0\nintr 1\n'))).toEqual(
      expect.arrayContaining([
        ['system_cpu_time_seconds_total user', 1],
        ['system_cpu_time_seconds_total idle', 10],
        ['system_cpu_logical_count', 2],
      ]),
    )
    const kib =
      'MemTotal: 1000 kB\nMemFree: 400 kB\nBuffers: 50 kB\nCached: 100 kB\nSReclaimable: 50 kB\nSwapTotal: 0 kB\n'
    expect(flat(memory(kib))).toContainEqual(['system_memory_usage_bytes used', 400 * 1024])
    const lines =
      '   8  0 sda 10 0 20 0 30 0 40 0 0 0 0\n   8  1 sda1 10 0 20 0 30 0 40 0 0 0 0\n   7 0 loop0 1 0 1 0 1 0 1 0 0 0 0\n'
    expect(flat(disks(lines))).toEqual([
      ['system_disk_operations_total sda read', 10],
      ['system_disk_operations_total sda write', 30],
      ['system_disk_io_bytes_total sda read', 20 * 512],
      ['system_disk_io_bytes_total sda write', 40 * 512],
    ])
    const net = 'Inter-|\n face |\n  lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\neth0:100 1 2 0 0 0 0 0 200 1 3 0 0 0 0 0\n'
    expect(flat(network(net))).toEqual([
      ['system_network_io_bytes_total eth0 receive', 100],
      ['system_network_io_bytes_total eth0 transmit', 200],
      ['system_network_errors_total eth0 receive', 2],
      ['system_network_errors_total eth0 transmit', 3],
    ])
  })

  it('reads the sensors that a machine has, and only those', async () => {
    const root = mkdtempSync(join(tmpdir(), 'glassbox-sys-'))
    const put = (file: string, content: string): void => {
      mkdirSync(dirname(join(root, file)), { recursive: true })
      writeFileSync(join(root, file), `${content}\n`)
    }
    expect(flat((await readLinuxSensors(root)).readings)).toEqual([])
    put('class/thermal/thermal_zone0/type', 'cpu-thermal')
    put('class/thermal/thermal_zone0/temp', '48250')
    expect(flat((await readLinuxSensors(root)).readings)).toEqual([['system_temperature_celsius cpu-thermal', 48.25]])
    put('class/hwmon/hwmon1/name', 'coretemp')
    put('class/hwmon/hwmon1/temp1_input', '61000')
    put('class/hwmon/hwmon1/temp1_label', 'Package id 0')
    put('class/hwmon/hwmon1/temp2_input', 'not read')
    put('class/power_supply/BAT0/type', 'Battery')
    put('class/power_supply/BAT0/capacity', '87')
    put('class/power_supply/mouse/type', 'Battery')
    put('class/power_supply/mouse/scope', 'Device')
    put('class/power_supply/mouse/capacity', '10')
    put('class/drm/card0/device/gpu_busy_percent', '25')
    put('class/drm/card0/device/mem_info_vram_used', '1048576')
    expect(flat((await readLinuxSensors(root)).readings)).toEqual([
      ['system_temperature_celsius coretemp Package id 0', 61],
      ['system_battery_charge_ratio BAT0', 0.87],
      ['hw_gpu_utilization_ratio card0', 0.25],
      ['hw_gpu_memory_usage_bytes card0', 1_048_576],
    ])
    expect(flat(nvidiaReadings('0, NVIDIA A10, 12, 512\n1, NVIDIA A10, [N/A], 3\n'))).toEqual([
      ['hw_gpu_utilization_ratio 0 NVIDIA A10', 0.12],
      ['hw_gpu_memory_usage_bytes 0 NVIDIA A10', 512 * 1024 ** 2],
      ['hw_gpu_memory_usage_bytes 1 NVIDIA A10', 3 * 1024 ** 2],
    ])
    rmSync(root, { recursive: true })
  })

  it('hands over one round of this very machine, host and runtime apart', async () => {
    let taken: HostRound | null = null
    const collector = new HostCollector({
      clock: systemClock,
      intervalMs: 3_600_000,
      version: '1.2.3',
      take: async (round) => {
        taken = round
      },
      problem: () => undefined,
      host: 'box',
    })
    // A stop waits for the round that the start began.
    await collector.stop()
    const { batch, points } = samplesOfRound(taken as unknown as HostRound)
    expect(points).toBe(batch.times.length)
    const names = new Set(batch.series.map((labels) => labels.find(([name]) => name === '__name__')?.[1]))
    for (const name of [
      'system_cpu_time_seconds_total',
      'system_memory_usage_bytes',
      'nodejs_heap_usage_bytes',
      'glassbox_collector_info',
    ])
      expect(names).toContain(name)
    const jobs = new Set(batch.series.map((labels) => labels.find(([name]) => name === 'job')?.[1]))
    expect([...jobs].sort()).toEqual(['glassbox', 'host'])
  })
})
