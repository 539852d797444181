/** One line of a stack trace. */
export interface StackLine {
  text: string
  kind: 'head' | 'own' | 'library'
}

/** Lines that show, or a run of library frames that is folded. */
export type StackPart = { kind: 'lines'; lines: StackLine[] } | { kind: 'folded'; lines: StackLine[] }

const FRAME = /^\s*(?:at\s|File "|#\d+\s|\S+\.(?:go|rs|rb|php|cs|java|kt|py):\d+|from\s.+:\d+:in )/
const LIBRARY = [
  /node_modules[\\/]/,
  /\bnode:|\binternal\/|\(native\)|<anonymous>$/,
  /^\s*at (?:java|javax|jdk|sun|com\.sun|kotlin|kotlinx|scala|org\.springframework|org\.apache|org\.hibernate|io\.netty|reactor|okhttp3|io\.opentelemetry)\./,
  /site-packages|dist-packages|[\\/]lib[\\/]python\d/,
  /^\s*at (?:System|Microsoft|Npgsql)\./,
  /[\\/]go[\\/](?:src|pkg[\\/]mod)[\\/]|\bruntime\.goexit|[\\/]usr[\\/]local[\\/]go[\\/]/,
  /[\\/]gems[\\/]|[\\/]vendor[\\/]|\.cargo[\\/]registry|\/rustc\//,
]

/** Frames of libraries and runtimes are folded, so that one's own code is seen first. Nothing is left out. */
export function readStack(text: string): StackPart[] {
  const parts: StackPart[] = []
  for (const line of text.replaceAll('\r\n', '\n').trimEnd().split('\n')) {
    const frame = FRAME.test(line)
    const kind = !frame ? 'head' : LIBRARY.some((pattern) => pattern.test(line)) ? 'library' : 'own'
    const wanted = kind === 'library' ? 'folded' : 'lines'
    const last = parts.at(-1)
    // Source lines below a Python frame belong to it.
    const follows = kind === 'head' && /^\s{4,}/.test(line) && last?.kind === 'folded'
    if (last && (last.kind === wanted || follows)) last.lines.push({ text: line, kind: follows ? 'library' : kind })
    else parts.push({ kind: wanted, lines: [{ text: line, kind }] })
  }
  // A stack of nothing but library frames is shown whole, and one folded line is no gain.
  const own = parts.some((part) => part.lines.some((line) => line.kind === 'own'))
  return parts.map((part) =>
    part.kind === 'folded' && (!own || part.lines.length === 1) ? { ...part, kind: 'lines' } : part,
  )
}
