import { join } from 'node:path'
import { Writable } from 'node:stream'
import pino from 'pino'

/** How Glassbox logs about itself; the methods take one sentence, or an object and a sentence. */
export type OwnLog = pino.Logger

const FILE_SIZE = '10M'
const OLDER_FILES = 4
/** What may wait for a slow disk; lines beyond it are counted and told. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024
const MOST_EARLY_LINES = 10_000

const secretPaths = [
  'token',
  'password',
  'authorization',
  'cookie',
  'postgresUrl',
  'postgresReadUrl',
  'headers.authorization',
  'headers.cookie',
]

/**
 * The log of the product itself: one short line to stderr for people, JSON lines to `logs/glassbox.log` (five files of
 * 10 MB, the older ones `glassbox.1.log` …). Secrets are masked. A log that cannot be written never stops anything: it is
 * said once on stderr.
 */
export function createOwnLog(options: { level: string; dataDir: string; token: string }): {
  log: OwnLog
  close(): Promise<void>
} {
  const file = openRollingFile(join(options.dataDir, 'logs'))
  const hide = (line: string): string => {
    const masked = options.token ? line.replaceAll(options.token, '[token]') : line
    return masked.replace(/(:\/\/[^\s:/@]*):[^\s/@]*@/g, '$1:[masked]@')
  }
  const sink = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      const line = hide(String(chunk))
      file.write(line)
      process.stderr.write(forPeople(line))
      done()
    },
  })
  const log = pino({ level: options.level, redact: { paths: secretPaths, censor: '[masked]' } }, sink)
  return { log, close: () => file.close() }
}

function forPeople(line: string): string {
  try {
    const { level, time, msg, err } = JSON.parse(line) as {
      level: number
      time: number
      msg?: string
      err?: { stack?: string }
    }
    const label = pino.levels.labels[level] ?? 'info'
    const text = printable([msg, err?.stack].filter(Boolean).join(': '))
    return `${new Date(time).toISOString().slice(11, 23)} ${label} ${text}\n`
  } catch {
    return line
  }
}

/** Without control characters: names from telemetry must not steer the terminal. */
function printable(text: string): string {
  return [...text]
    .map((char) => (char < ' ' && char !== '\n' && char !== '\t' ? '·' : char === '\u007f' ? '·' : char))
    .join('')
}

interface RollingFile {
  write(line: string): void
  close(): Promise<void>
}

/** The library is loaded in the background, so that a start does not wait for it; lines are kept meanwhile. */
function openRollingFile(folder: string): RollingFile {
  let early: string[] | null = []
  let target: Writable | null = null
  let lost = 0
  const giveUp = (error: Error): void => {
    if (early || target)
      process.stderr.write(`the log file cannot be written, logging to stderr alone: ${error.message}\n`)
    early = null
    target = null
  }
  const opened = import('rotating-file-stream')
    .then(({ createStream }) => {
      const stream = createStream((index) => (index ? `glassbox.${index}.log` : 'glassbox.log'), {
        path: folder,
        size: FILE_SIZE,
        rotate: OLDER_FILES,
        mode: 0o600,
      })
      stream.on('error', giveUp)
      target = stream
      for (const line of early ?? []) stream.write(line)
      early = null
    })
    .catch(giveUp)
  return {
    write(line) {
      if (target && target.writableLength < MOST_WAITING_BYTES) {
        if (lost > 0)
          target.write(`${JSON.stringify({ level: 40, time: Date.now(), msg: `${lost} lines were lost` })}\n`)
        lost = 0
        target.write(line)
      } else if (early && early.length < MOST_EARLY_LINES) early.push(line)
      else lost++
    },
    async close() {
      await opened
      const stream = target
      target = null
      if (!stream) return
      await new Promise<void>((resolve) => {
        const limit = setTimeout(resolve, 500)
        stream.once('close', () => {
          clearTimeout(limit)
          resolve()
        })
        stream.end()
      })
    },
  }
}
