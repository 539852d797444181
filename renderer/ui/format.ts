/** How numbers and times are written everywhere. Durations and times are whole µs, sizes bytes. Separators are those of English in every language, so that pictures compare. */

export interface Parts {
  value: string
  unit: string
}

const MISSING = '–'

/** 3 significant digits; the unit follows the size: `812 µs`, `83.4 ms`, `2.31 s`. */
export function durationParts(us: number | null | undefined): Parts {
  if (us == null || !Number.isFinite(us)) return { value: MISSING, unit: '' }
  if (us < 0) {
    const positive = durationParts(-us)
    return { value: `-${positive.value}`, unit: positive.unit }
  }
  if (us < 999.5) return { value: us < 1 && us > 0 ? us.toFixed(2) : String(Math.round(us)), unit: 'µs' }
  if (us < 999_500) return { value: threeDigits(us / 1000), unit: 'ms' }
  if (us < 59_950_000) return { value: threeDigits(us / 1_000_000), unit: 's' }
  const seconds = Math.round(us / 1_000_000)
  if (seconds < 3600) return { value: `${Math.floor(seconds / 60)} m ${pad(seconds % 60)}`, unit: 's' }
  const minutes = Math.round(seconds / 60)
  if (minutes < 1440) return { value: `${Math.floor(minutes / 60)} h ${pad(minutes % 60)}`, unit: 'm' }
  const hours = Math.round(minutes / 60)
  return { value: `${Math.floor(hours / 24)} d ${hours % 24}`, unit: 'h' }
}

export function duration(us: number | null | undefined): string {
  const { value, unit } = durationParts(us)
  return unit ? `${value} ${unit}` : value
}

/** Reads `250ms`, `1.5 s`, `2m`, `900us`; a bare number is ms. µs, or null when it cannot be read. */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|μs|ms|s|m|h|d)?\s*$/i.exec(text)
  if (!match) return null
  const factor = UNIT_US[(match[2] ?? 'ms').toLowerCase()]
  return factor === undefined ? null : Math.round(Number(match[1]) * factor)
}

const UNIT_US: Record<string, number> = {
  ns: 0.001,
  us: 1,
  µs: 1,
  μs: 1,
  ms: 1000,
  s: 1_000_000,
  m: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000,
}

const exactFormat = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** Every digit, with separators. */
export function exactCount(n: number | null | undefined): string {
  return n == null || !Number.isFinite(n) ? MISSING : exactFormat.format(n)
}

/** Exact below 10,000, then `12.3 k`, `4.1 M`. */
export function count(n: number | null | undefined): string {
  if (n == null || !Number.isFinite(n)) return MISSING
  if (Math.abs(n) < 10_000) return exactFormat.format(n)
  for (const [size, unit] of COUNT_UNITS) {
    if (Math.abs(n) >= size * 0.9995) return `${short(n / size)} ${unit}`
  }
  return exactFormat.format(n)
}

const COUNT_UNITS: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
]

/** IEC: `412 MiB`. */
export function bytes(n: number | null | undefined): string {
  if (n == null || !Number.isFinite(n)) return MISSING
  if (Math.abs(n) < 1024) return `${Math.round(n)} B`
  let value = n
  for (const unit of ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']) {
    value /= 1024
    if (Math.abs(value) < 1023.5 || unit === 'PiB')
      return `${Math.abs(value) >= 100 ? Math.round(value) : short(value)} ${unit}`
  }
  return MISSING
}

/** A share of 1. What is not zero never reads as 0, what is not whole never as 100. */
export function percent(share: number | null | undefined): string {
  if (share == null || !Number.isFinite(share)) return MISSING
  const value = share * 100
  if (value === 0) return '0 %'
  if (value < 0.01) return '< 0.01 %'
  if (value < 1) return `${value.toFixed(2)} %`
  if (value < 100 && value >= 99.5) return `${Math.min(99.9, Math.floor(value * 10) / 10)} %`
  return `${value < 10 ? value.toFixed(1).replace(/\.0$/, '') : Math.round(value)} %`
}

/** First 8 hex digits; whole ids go to the clipboard and to screen readers. */
export function shortId(id: string): string {
  return id.slice(0, 8)
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0)
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
}

function short(value: number): string {
  return Math.abs(value) >= 99.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '')
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
