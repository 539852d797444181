import type { Readable, Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** A line that goes on where the one before ended: a frame of a stack, a cause, an indented value. */
const CONTINUES = /^(\s+\S|Caused by:|During handling of|\)|\]|\})/
const WORDS = 'trace|debug|info|notice|warn(?:ing)?|err(?:or)?|fatal|critical|panic'
/** Where a line names its level, surest first: `level=warn` and `"level":40`, WARN, `[warn]` and `TypeError:` at its start. */
const LEVELS = [
  new RegExp(`\\b(?:level|severity|lvl)["']?\\s*[=:]\\s*["']?(${WORDS}|[1-6]0)\\b`, 'i'),
  new RegExp(`\\b(${WORDS.toUpperCase()})\\b`),
  new RegExp(`^[^\\w\\n]*\\w{0,40}?(${WORDS})[\\]:|]`, 'i'),
]
const SEVERITY: [word: RegExp, severity: number][] = [
  [/^(trace|10)$/i, 1],
  [/^(debug|20)$/i, 5],
  [/^(info|30)$/i, 9],
  [/^notice$/i, 10],
  [/^(warn|40)/i, 13],
  [/^(err|50)/i, 17],
  [/^(fatal|critical|panic|60)$/i, 21],
]
/** Where a level stands at the latest. */
const LEVEL_CHARS = 200
const MOST_CHARS = 64 * 1024
/** How long an entry waits for a line that continues it, ms. */
const REST_MS = 100

/** One entry of a program's output. */
export interface OutputEntry {
  /** ms */
  time: number
  stream: 'stdout' | 'stderr'
  text: string
  /** OpenTelemetry's number; 0 where the line names none. */
  severity: number
}

/**
 * Hands what comes on `from` through to `to` unchanged, and tells it entry by entry: lines that continue one (stack traces)
 * belong to it. Resolves at the end of the stream.
 */
export function followOutput(
  stream: OutputEntry['stream'],
  from: Readable,
  to: Writable,
  tell: (entry: OutputEntry) => void,
): Promise<void> {
  const decoder = new StringDecoder('utf8')
  let line = ''
  let entry: { time: number; text: string } | null = null
  let timer: NodeJS.Timeout | undefined
  const end = (): void => {
    clearTimeout(timer)
    if (entry && entry.text.trim() !== '') tell({ stream, ...entry, severity: severityOf(entry.text) })
    entry = null
  }
  const add = (text: string): void => {
    if (entry && CONTINUES.test(text) && entry.text.length + text.length < MOST_CHARS) entry.text += `\n${text}`
    else {
      end()
      entry = { time: Date.now(), text }
    }
  }
  const take = (text: string): void => {
    const lines = (line + text).split('\n')
    line = lines.pop() ?? ''
    for (const one of lines) add(one.endsWith('\r') ? one.slice(0, -1) : one)
    while (line.length > MOST_CHARS) {
      end()
      add(line.slice(0, MOST_CHARS))
      line = line.slice(MOST_CHARS)
    }
    clearTimeout(timer)
    if (entry) timer = setTimeout(end, REST_MS)
  }
  return new Promise((resolve) => {
    from.on('data', (chunk: Buffer) => {
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
      take(decoder.write(chunk))
    })
    // Who reads our output may have gone (`| head`): the program then hears of it as it would without us.
    to.on('error', () => from.destroy())
    from.once('close', () => {
      take(decoder.end())
      if (line !== '') add(line)
      end()
      resolve()
    })
  })
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const COLOURS = /\u001b\[[\d;]*m/g

function severityOf(text: string): number {
  const head = text.slice(0, LEVEL_CHARS).replace(COLOURS, '')
  for (const level of LEVELS) {
    const word = level.exec(head)?.[1]
    if (word) return SEVERITY.find(([named]) => named.test(word))?.[1] ?? 0
  }
  return 0
}
