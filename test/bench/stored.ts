/**
 * `npm run bench -- --stored N [--keep DIR]`: searches over N spans of seven days, stored before the clock starts. With
 * `--keep` the corpus stays in DIR and a later run uses it again.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rssMiB, show, startServer, timeQueries } from './server.ts'
import { storeCorpus } from './stored-corpus.ts'

const DAY_US = 86_400e6
const DAYS = 7
const ROUNDS = 40
const MILLION = 1e6

interface Corpus {
  spans: number
  nowUs: number
  ids: string[]
}

/** The corpus of `dataDir`, made when it is not there yet. */
function corpusIn(dataDir: string, spans: number): Corpus {
  const file = join(dataDir, 'corpus.json')
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Corpus
    if (kept.spans === spans) return kept
    throw new Error(`${dataDir} holds ${kept.spans} spans`)
  }
  const nowUs = Date.now() * 1000
  const begun = performance.now()
  const ids = storeCorpus(dataDir, spans, DAYS, nowUs)
  const seconds = (performance.now() - begun) / 1000
  show(`storing and merging ${spans} spans`, `${Math.round(spans / seconds)}/s`, `${Math.round(seconds)} s, one thread`)
  const corpus = { spans, nowUs, ids }
  writeFileSync(file, JSON.stringify(corpus))
  return corpus
}

export async function benchStored(spans: number, keep: string | undefined): Promise<void> {
  const dataDir = keep ?? mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
  mkdirSync(dataDir, { recursive: true })
  const { ids, nowUs } = corpusIn(dataDir, spans)
  const server = await startServer(dataDir)
  show('process start to ready', `${Math.round(server.readyMs)} ms`, 'goal < 1000')
  show('memory when idle', `${Math.round(rssMiB(server.pid))} MiB`, 'goal <= 150')
  // A corpus that is kept must not grow old and be removed.
  await server.change({ 'retention.traces.days': 365 })
  try {
    const range = (days: number): string => `start=${Math.round(nowUs - days * DAY_US)}&end=${nowUs + 60e6}`
    const many = (make: (i: number) => string): string[] => Array.from({ length: ROUNDS }, (_, i) => make(i))
    const filter = (text: string): string => `q=${encodeURIComponent(text)}`
    await timeQueries(server, 'trace by id, first after the start', '< 30 ms', [`/api/traces/${ids[0]}`])
    const traces = ids.slice(1, ROUNDS + 1).map((id) => `/api/traces/${id}`)
    await timeQueries(server, 'trace by id, each for the first time', '< 30 ms', traces)
    await timeQueries(server, 'trace by id, again', '< 30 ms', traces)
    await timeQueries(
      server,
      'search: service + duration + attribute, 7 days',
      '< 250 ms',
      many(
        (i) => `/api/traces?${range(DAYS)}&service=cart&minDuration=500ms&limit=50&${filter(`user.id="u_${i * 7}"`)}`,
      ),
    )
    await timeQueries(
      server,
      'search that finds nothing in 7 days',
      '< 1500 ms',
      many((i) => `/api/traces?${range(DAYS)}&service=cart&${filter(`user.id="nobody-${i}"`)}`),
    )
    await timeQueries(
      server,
      'the same, where no block can be skipped',
      '< 1500 ms',
      many((i) => `/api/traces?${range(DAYS)}&service=cart&${filter(`user.id="u_${i}" thread.id>100`)}`).slice(0, 10),
    )
    await timeQueries(
      server,
      'histogram of 24 h',
      '< 250 ms',
      many(() => `/api/traces/histogram?${range(1)}&buckets=120`),
    )
    await timeQueries(
      server,
      'histogram of 24 h, filtered',
      '< 250 ms',
      many((i) => `/api/traces/histogram?${range(1)}&buckets=120&service=cart&${filter(`user.id="u_${i}"`)}`),
    )
    show('memory after these', `${Math.round(rssMiB(server.pid))} MiB`, 'goal <= 500')
    // The goals of what reads every row are for a million spans: the newest days that hold so many.
    const some = Math.min(DAYS, (DAYS * MILLION) / spans)
    await timeQueries(
      server,
      'facets of a million spans',
      '< 300 ms',
      many(() => `/api/traces/facets?${range(some)}`).slice(0, 8),
    )
    const [from, to] = [3, 2].map((part) => Math.round(nowUs - (some / DAYS) * part * DAY_US))
    const selection = `selectionStart=${from}&selectionEnd=${to}`
    await timeQueries(
      server,
      'why are these different, a seventh against the rest',
      '< 1000 ms',
      many(() => `/api/traces/difference?${range(some)}&${selection}&selectionMinDuration=300ms`).slice(0, 8),
    )
    for (const query of [
      '{ service=gateway } >> { status=ERROR }',
      'count() > 50',
      '{ service=cart } | max(dur) > 2s',
    ]) {
      const path = `${range(some)}&${filter(query)}`
      await timeQueries(
        server,
        `${query}, counted`,
        '< 1500 ms',
        many(() => `/api/traces/histogram?${path}`).slice(0, 8),
      )
      await timeQueries(server, `${query}, a page`, '< 1500 ms', many(() => `/api/traces?limit=50&${path}`).slice(0, 8))
    }
    show('memory after all of it', `${Math.round(rssMiB(server.pid))} MiB`, 'goal <= 500')
    const { storage } = await server.get<{ storage: { traces: { bytes: number }; spans: number; fileBytes: number } }>(
      '/api/status',
    )
    show('spans stored', String(storage.spans))
    show('disk, blocks only', `${(storage.traces.bytes / storage.spans).toFixed(1)} B/span`, 'goal <= 60')
    show('disk, whole file', `${(storage.fileBytes / storage.spans).toFixed(1)} B/span`)
  } finally {
    await server.stop()
    if (!keep) rmSync(dataDir, { recursive: true, force: true })
  }
}
