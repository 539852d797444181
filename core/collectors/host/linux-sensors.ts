import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Reading, type Readings, reading } from './readings.ts'

const MOST_SENSORS = 32
const NVIDIA = ['--query-gpu=index,name,utilization.gpu,memory.used', '--format=csv,noheader,nounits']

const text = (file: string): Promise<string | null> =>
  readFile(file, 'utf8').then(
    (content) => content.trim(),
    () => null,
  )
const number = async (file: string): Promise<number> => Number((await text(file)) ?? Number.NaN)
const entries = (folder: string): Promise<string[]> => readdir(folder).catch(() => [])

/**
 * Temperatures, batteries and graphics cards as the kernel shows them below /sys, and NVIDIA's by the program that comes
 * with its driver. What a machine does not have is left out; it is no fault.
 */
export async function readLinuxSensors(sysRoot = '/sys'): Promise<Readings> {
  const parts = [temperatures(sysRoot), batteries(sysRoot), cards(sysRoot), nvidiaCards()]
  return { readings: (await Promise.all(parts)).flat(), unreadable: [] }
}

/** In °C, named by chip and label; thermal zones where a machine has no hardware monitor (most small boards). */
async function temperatures(sysRoot: string): Promise<Reading[]> {
  const out: Reading[] = []
  const add = (sensor: string, milli: number): void => {
    if (Number.isFinite(milli) && milli > 0 && out.length < MOST_SENSORS)
      out.push(reading('system_temperature_celsius', milli / 1000, { sensor }))
  }
  for (const monitor of await entries(`${sysRoot}/class/hwmon`)) {
    const folder = `${sysRoot}/class/hwmon/${monitor}`
    const chip = (await text(`${folder}/name`)) ?? monitor
    for (const file of (await entries(folder)).filter((name) => /^temp\d+_input$/.test(name))) {
      const label = (await text(`${folder}/${file.replace('input', 'label')}`)) ?? file.replace('_input', '')
      add(`${chip} ${label}`, await number(`${folder}/${file}`))
    }
  }
  if (out.length > 0) return out
  for (const zone of (await entries(`${sysRoot}/class/thermal`)).filter((name) => name.startsWith('thermal_zone'))) {
    const folder = `${sysRoot}/class/thermal/${zone}`
    add((await text(`${folder}/type`)) ?? zone, await number(`${folder}/temp`))
  }
  return out
}

async function batteries(sysRoot: string): Promise<Reading[]> {
  const out: Reading[] = []
  for (const name of await entries(`${sysRoot}/class/power_supply`)) {
    const folder = `${sysRoot}/class/power_supply/${name}`
    // A mouse has a battery as well: only those that feed the machine count.
    if ((await text(`${folder}/type`)) !== 'Battery' || (await text(`${folder}/scope`)) === 'Device') continue
    const percent = await number(`${folder}/capacity`)
    if (Number.isFinite(percent)) out.push(reading('system_battery_charge_ratio', percent / 100, { battery: name }))
  }
  return out
}

/** Cards whose driver tells its load below /sys (amdgpu). */
async function cards(sysRoot: string): Promise<Reading[]> {
  const out: Reading[] = []
  for (const card of (await entries(`${sysRoot}/class/drm`)).filter((name) => /^card\d+$/.test(name))) {
    const folder = `${sysRoot}/class/drm/${card}/device`
    const [busy, memory] = [await number(`${folder}/gpu_busy_percent`), await number(`${folder}/mem_info_vram_used`)]
    if (Number.isFinite(busy)) out.push(reading('hw_gpu_utilization_ratio', busy / 100, { gpu: card }))
    if (Number.isFinite(memory)) out.push(reading('hw_gpu_memory_usage_bytes', memory, { gpu: card }))
  }
  return out
}

let nvidiaMissing = false

async function nvidiaCards(): Promise<Reading[]> {
  if (nvidiaMissing) return []
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', NVIDIA, { timeout: 5000 })
    return nvidiaReadings(stdout)
  } catch (error) {
    nvidiaMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return []
  }
}

/** The lines of `nvidia-smi --query-gpu=index,name,utilization.gpu,memory.used` (percent, MiB). */
export function nvidiaReadings(stdout: string): Reading[] {
  return stdout
    .split('\n')
    .map((line) => line.split(', '))
    .filter((fields) => fields.length === 4)
    .flatMap(([index, name, busy, memory]) => [
      reading('hw_gpu_utilization_ratio', Number(busy) / 100, { gpu: `${index} ${name}` }),
      reading('hw_gpu_memory_usage_bytes', Number(memory) * 1024 ** 2, { gpu: `${index} ${name}` }),
    ])
    .filter(({ value }) => Number.isFinite(value))
}
