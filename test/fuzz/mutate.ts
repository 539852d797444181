/** Damages payloads: blindly by bytes, and by structure inside JSON. All randomness comes from `random`. */

const hostileText = [
  '',
  '\u0000',
  '\ud800',
  '__proto__',
  'constructor',
  'NaN',
  '-1',
  '1e400',
  '9223372036854775808',
  '0x10',
  ' 12 ',
  '<img src=x onerror=alert(1)>',
  "'; drop table setting; --",
  '\u202etxt.exe',
  '\u001b[31m',
  'a'.repeat(5000),
]
const pick = <T>(items: readonly T[], random: () => number): T => items[Math.floor(random() * items.length)]

function nested(random: () => number): unknown {
  const depth = pick([10, 70, 400], random)
  let value: unknown = { stringValue: 'deep' }
  for (let i = 0; i < depth; i++) value = { arrayValue: { values: [value] } }
  return value
}

function hostileValue(random: () => number): unknown {
  const kind = Math.floor(random() * 8)
  if (kind === 0) return null
  if (kind === 1) return pick([0, -1, 1.5, 1e308, 2 ** 53, -(2 ** 63), 4_294_967_296], random)
  if (kind === 2) return random() < 0.5
  if (kind === 3) return []
  if (kind === 4) return {}
  if (kind === 5) return nested(random)
  return pick(hostileText, random)
}

/** A copy with some bytes replaced, removed, repeated or cut off. */
export function mutateBytes(good: Uint8Array, random: () => number): Uint8Array {
  let bytes = Uint8Array.from(good)
  for (let hits = 1 + Math.floor(random() * 4); hits > 0 && bytes.length > 0; hits--) {
    const at = Math.floor(random() * bytes.length)
    const length = 1 + Math.floor(random() * Math.min(16, bytes.length - at))
    const kind = random()
    if (kind < 0.6) bytes[at] = Math.floor(random() * 256)
    else if (kind < 0.75) bytes[at] ^= 1 << Math.floor(random() * 8)
    else if (kind < 0.85) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    else if (kind < 0.95)
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)])
    else bytes = bytes.slice(0, at)
  }
  return bytes
}

/** Replaces, removes or adds one member somewhere in the copy of a JSON value. */
export function mutateJson<T>(good: T, random: () => number): T {
  const copy = structuredClone(good)
  const places: { holder: Record<string, unknown>; key: string }[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, member] of Object.entries(value)) {
      places.push({ holder: value as Record<string, unknown>, key })
      walk(member)
    }
  }
  walk(copy)
  for (let hits = 1 + Math.floor(random() * 3); hits > 0; hits--) {
    const { holder, key } = pick(places, random)
    const kind = random()
    if (kind < 0.8) holder[key] = hostileValue(random)
    else if (kind < 0.9 && !Array.isArray(holder)) delete holder[key]
    else if (Array.isArray(holder)) holder.push(holder[0])
    else
      Object.defineProperty(holder, pick(hostileText, random), {
        value: hostileValue(random),
        enumerable: true,
        configurable: true,
        writable: true,
      })
  }
  return copy
}
