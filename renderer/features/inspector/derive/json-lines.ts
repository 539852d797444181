/** One line of a JSON text as a tree shows it. */
export interface JsonLine {
  depth: number
  /** With quotes and colon, empty in lists. */
  key: string
  /** Text of a scalar, or the brackets of what is empty or folded. */
  value: string
  kind: 'text' | 'number' | 'word' | 'open' | 'close' | 'masked'
  /** Path of what can be folded here, else null. */
  path: string | null
  folded: boolean
  /** Entries inside, for `open`. */
  entries: number
  comma: boolean
}

/** Lists and objects longer than this show their first entries and how many more there are. */
const MOST_LINES = 2000

/** Lines of a parsed value with the given paths folded; at most MOST_LINES, `more` says whether that cut it. */
export function jsonLines(value: unknown, folded: ReadonlySet<string>): { lines: JsonLine[]; more: boolean } {
  const lines: JsonLine[] = []
  type Task =
    | { value: unknown; key: string; path: string; depth: number; comma: boolean }
    | { close: string; depth: number; comma: boolean }
  const stack: Task[] = [{ value, key: '', path: '$', depth: 0, comma: false }]
  for (let task = stack.pop(); task; task = stack.pop()) {
    if (lines.length >= MOST_LINES) return { lines, more: true }
    if ('close' in task) {
      lines.push({
        depth: task.depth,
        key: '',
        value: task.close,
        kind: 'close',
        path: null,
        folded: false,
        entries: 0,
        comma: task.comma,
      })
      continue
    }
    const { value: one, key, path, depth, comma } = task
    if (typeof one !== 'object' || one === null) {
      const kind =
        typeof one === 'string' ? (one === '[masked]' ? 'masked' : 'text') : typeof one === 'number' ? 'number' : 'word'
      lines.push({ depth, key, value: JSON.stringify(one), kind, path: null, folded: false, entries: 0, comma })
      continue
    }
    const list = Array.isArray(one)
    const entries = Object.entries(one)
    const isFolded = folded.has(path)
    const [open, close] = list ? ['[', ']'] : ['{', '}']
    if (entries.length === 0 || isFolded) {
      lines.push({
        depth,
        key,
        value: entries.length === 0 ? open + close : `${open}…${close}`,
        kind: 'open',
        path: entries.length ? path : null,
        folded: isFolded,
        entries: entries.length,
        comma,
      })
      continue
    }
    lines.push({ depth, key, value: open, kind: 'open', path, folded: false, entries: entries.length, comma: false })
    stack.push({ close, depth, comma })
    for (let i = entries.length - 1; i >= 0; i--) {
      const [name, inner] = entries[i]
      stack.push({
        value: inner,
        key: list ? '' : `${JSON.stringify(name)}: `,
        path: `${path}.${name}`,
        depth: depth + 1,
        comma: i < entries.length - 1,
      })
    }
  }
  return { lines, more: false }
}
