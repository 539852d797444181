/** Keys that a person gave to others: by the key that we chose, the own one, or empty when it is off. */
export type KeyMap = Readonly<Record<string, string>>

/** The single key of a binding as people write it (`F` for Shift and f); null for chords, names and sequences. */
function singleKey(binding: string): string | null {
  if (binding.startsWith('Shift+') && binding.length === 7) return binding[6].toUpperCase()
  const bare = binding.replace(/^\[Shift\]\+/, '')
  return bare.length === 1 ? bare : null
}

function bindingOf(key: string): string {
  if (/^[A-Z]$/.test(key)) return `Shift+${key.toLowerCase()}`
  return /^[a-z0-9]$/.test(key) ? key : `[Shift]+${key}`
}

/** The bindings under the person's own keys; what is off is left out. Of a sequence its first key counts. */
export function remap<T>(bindings: Readonly<Record<string, T>>, map: KeyMap): Record<string, T> {
  const result: Record<string, T> = {}
  for (const [binding, run] of Object.entries(bindings)) {
    const [first, ...rest] = binding.split(' ')
    const key = singleKey(first)
    const own = key === null ? undefined : map[key]
    if (own === undefined) result[binding] ??= run
    else if (own !== '') result[[bindingOf(own), ...rest].join(' ')] = run
  }
  return result
}

/** How a key of ours is shown: the person's own in its place; null when it is off. */
export function shownKey(key: string, map: KeyMap): string | null {
  const own = map[key]
  return own === undefined ? key : own === '' ? null : own
}

/**
 * Why `own` cannot stand for `key`: `taken` by another key in use, or no single printable sign. Null when it can.
 * @param used every key of ours on any screen
 */
export function keyProblem(
  key: string,
  own: string,
  used: readonly string[],
  map: KeyMap,
): 'taken' | 'notSingle' | null {
  if (Array.from(own).length !== 1 || own.trim() === '') return 'notSingle'
  const others = used.filter((one) => one !== key).map((one) => shownKey(one, map))
  return others.includes(own) ? 'taken' : null
}
