import { readdir, readFile, statfs } from 'node:fs/promises'
import { type Reading, type Readings, reading } from './readings.ts'

/** The kernel's clock ticks a second as /proc states them; 100 on every Linux that Node runs on. */
const TICKS = 100
const SECTOR = 512
const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal']
/** File systems that are no disks. */
const VIRTUAL =
  /^(proc|sysfs|tmpfs|devtmpfs|devpts|cgroup2?|overlay|squashfs|mqueue|debugfs|tracefs|securityfs|pstore|bpf|autofs|binfmt_misc|configfs|fusectl|hugetlbfs|nsfs|ramfs|rpc_pipefs|fuse\.\w+)$/
const MOST_FILE_SYSTEMS = 32

/** Reads everything that /proc has; what cannot be read is named and the rest goes on. */
export async function readLinux(procRoot = '/proc'): Promise<Readings> {
  const out: Readings = { readings: [], unreadable: [] }
  const parts: [string, (text: string) => Reading[] | Promise<Reading[]>][] = [
    ['stat', cpu],
    ['loadavg', load],
    ['meminfo', memory],
    ['diskstats', disks],
    ['net/dev', network],
    ['uptime', (text) => [reading('system_uptime_seconds', Number(text.split(' ')[0]))]],
    ['self/mounts', fileSystems],
  ]
  for (const [file, parse] of parts) {
    try {
      out.readings.push(...(await parse(await readFile(`${procRoot}/${file}`, 'utf8'))))
    } catch (error) {
      out.unreadable.push({ what: `${procRoot}/${file}`, why: (error as Error).message })
    }
  }
  return out
}

export function cpu(text: string): Reading[] {
  const out: Reading[] = []
  let cores = 0
  for (const line of text.split('\n')) {
    if (/^cpu\d/.test(line)) cores++
    if (!line.startsWith('cpu ')) continue
    const fields = line.trim().split(/\s+/).slice(1).map(Number)
    MODES.forEach((state, i) => {
      if (fields[i] !== undefined) out.push(reading('system_cpu_time_seconds_total', fields[i] / TICKS, { state }))
    })
  }
  return [...out, reading('system_cpu_logical_count', cores)]
}

function load(text: string): Reading[] {
  const [one, five, fifteen] = text.split(' ').map(Number)
  return [
    reading('system_load_average_1m', one),
    reading('system_load_average_5m', five),
    reading('system_load_average_15m', fifteen),
  ]
}

export function memory(text: string): Reading[] {
  const kib = new Map(
    [...text.matchAll(/^(\w+):\s+(\d+) kB$/gm)].map(([, name, value]) => [name, Number(value) * 1024] as const),
  )
  const of = (name: string): number => kib.get(name) ?? 0
  const total = of('MemTotal')
  const cached = of('Cached') + of('SReclaimable')
  const used = total - of('MemFree') - of('Buffers') - cached
  const out = [
    reading('system_memory_limit_bytes', total),
    reading('system_memory_usage_bytes', used, { state: 'used' }),
    reading('system_memory_usage_bytes', of('MemFree'), { state: 'free' }),
    reading('system_memory_usage_bytes', of('Buffers'), { state: 'buffered' }),
    reading('system_memory_usage_bytes', cached, { state: 'cached' }),
  ]
  if (of('SwapTotal') > 0) {
    out.push(
      reading('system_paging_usage_bytes', of('SwapTotal') - of('SwapFree'), { state: 'used' }),
      reading('system_paging_usage_bytes', of('SwapFree'), { state: 'free' }),
    )
  }
  return out
}

export function disks(text: string): Reading[] {
  const out: Reading[] = []
  for (const line of text.split('\n')) {
    const fields = line.trim().split(/\s+/)
    const device = fields[2]
    // Partitions would count what their disk counts already.
    if (!device || /^(loop|ram|zram|dm-|md|sr)\d/.test(device)) continue
    if (/^(sd|vd|xvd|hd)[a-z]+\d+$|^(nvme\d+n\d+|mmcblk\d+)p\d+$/.test(device)) continue
    const [reads, , readSectors, , writes, , writeSectors] = fields.slice(3).map(Number)
    if (reads + writes === 0) continue
    out.push(
      reading('system_disk_operations_total', reads, { device, direction: 'read' }),
      reading('system_disk_operations_total', writes, { device, direction: 'write' }),
      reading('system_disk_io_bytes_total', readSectors * SECTOR, { device, direction: 'read' }),
      reading('system_disk_io_bytes_total', writeSectors * SECTOR, { device, direction: 'write' }),
    )
  }
  return out
}

export function network(text: string): Reading[] {
  const out: Reading[] = []
  for (const [, device, rest] of text.matchAll(/^\s*([^:\s]+):(.*)$/gm)) {
    if (device === 'lo' || /^(veth|br-|docker|cni|flannel|cali)/.test(device)) continue
    const fields = rest.trim().split(/\s+/).map(Number)
    out.push(
      reading('system_network_io_bytes_total', fields[0], { device, direction: 'receive' }),
      reading('system_network_io_bytes_total', fields[8], { device, direction: 'transmit' }),
      reading('system_network_errors_total', fields[2], { device, direction: 'receive' }),
      reading('system_network_errors_total', fields[10], { device, direction: 'transmit' }),
    )
  }
  return out
}

async function fileSystems(text: string): Promise<Reading[]> {
  const out: Reading[] = []
  const seen = new Set<string>()
  for (const line of text.split('\n')) {
    const [device, mount, type] = line.split(' ')
    if (!mount || (VIRTUAL.test(type) && mount !== '/') || seen.has(device) || seen.size >= MOST_FILE_SYSTEMS) continue
    seen.add(device)
    const mountpoint = mount.replaceAll('\\040', ' ')
    const { bsize, blocks, bfree, bavail } = await statfs(mountpoint).catch(() => ({
      bsize: 0,
      blocks: 0,
      bfree: 0,
      bavail: 0,
    }))
    if (blocks === 0) continue
    out.push(
      reading('system_filesystem_usage_bytes', (blocks - bfree) * bsize, { mountpoint, type, state: 'used' }),
      reading('system_filesystem_usage_bytes', bavail * bsize, { mountpoint, type, state: 'free' }),
    )
  }
  return out
}

/** The processes that use most CPU or memory; `pid` tells two of one name apart. */
export async function readProcesses(top: number, procRoot = '/proc'): Promise<Reading[]> {
  const found: { pid: string; name: string; cpu: number; memory: number }[] = []
  for (const pid of await readdir(procRoot)) {
    if (!/^\d+$/.test(pid)) continue
    // A process may end between the list and the look at it.
    const stat = await readFile(`${procRoot}/${pid}/stat`, 'utf8').catch(() => '')
    const close = stat.lastIndexOf(')')
    if (close < 0) continue
    const fields = stat.slice(close + 2).split(' ')
    found.push({
      pid,
      name: stat.slice(stat.indexOf('(') + 1, close),
      cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
      memory: Number(fields[21]) * 4096,
    })
  }
  const best = new Set([
    ...[...found].sort((a, b) => b.cpu - a.cpu).slice(0, top),
    ...[...found].sort((a, b) => b.memory - a.memory).slice(0, top),
  ])
  return [...best].flatMap(({ pid, name, cpu: seconds, memory: bytes }) => {
    const labels = { pid, process: name }
    return [
      reading('process_cpu_seconds_total', seconds, labels),
      reading('process_resident_memory_bytes', bytes, labels),
    ]
  })
}
