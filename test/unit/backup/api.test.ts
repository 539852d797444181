import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BackupContent, BackupsAnswer, RestorePlan } from '../../../core/api/contract/shapes.ts'
import type { Job } from '../../../core/model/job.ts'
import { type PostgresServer, startPostgres } from '../../fixtures/postgres-server.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { endedJob, startSwitch } from '../../fixtures/storage-jobs.ts'

let host: RunningHost

const post = <T>(path: string, body: unknown): Promise<T> =>
  host.get<T>(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })

/** Spans of one trace each, with ids from `from` on. */
async function send(from: number, count: number): Promise<void> {
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const spans = Array.from({ length: count }, (_, i) => ({
    traceId: (from + i).toString(16).padStart(32, '0'),
    spanId: (from + i).toString(16).padStart(16, '0'),
    name: `span ${from + i}`,
    kind: 2,
    startTimeUnixNano: String(nowNs - 1000n),
    endTimeUnixNano: String(nowNs),
    attributes: [{ key: 'number', value: { intValue: String(i) } }],
  }))
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }
  const answer = await fetch(`${host.otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }),
  })
  expect(answer.status).toBe(200)
  await stored()
}

/** Waits until nothing waits to be stored. */
async function stored(): Promise<void> {
  for (;;) {
    const { traces } = await host.get<{ traces: { waiting: number } }>('/api/pipeline')
    if (traces.waiting === 0) return
  }
}

async function ids(): Promise<number[]> {
  const { rows } = await post<{ rows: string[][] }>('/api/sql', { query: 'select span_id from _traces', limit: 10_000 })
  return rows.map(([id]) => Number.parseInt(id, 16)).sort((a, b) => a - b)
}

async function done<R>(job: Job): Promise<R> {
  for (;;) {
    const now = await host.get<Job>(`/api/jobs/${job.id}`)
    if (now.state === 'failed') throw new Error(JSON.stringify(now.error))
    if (now.state === 'done') return now.result as R
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)

// Each job starts threads, which takes long on a busy machine.
describe.each(['postgres', 'sqlite'] as const)('backups of %s over the api', { timeout: 240_000 }, (engine) => {
  let name = ''
  let server: PostgresServer | null = null
  beforeAll(async () => {
    server = engine === 'postgres' ? await startPostgres() : null
    host = await startTestHost()
    if (!server) return
    const url = `${await server.freshUrl()}?sslmode=disable`
    await endedJob(host, (await startSwitch(host, { url, move: 'settings' })).id)
  }, 120_000)
  afterAll(async () => {
    await host.stop()
    await server?.stop()
  })

  it('makes one, lists it, looks into it and proves it', async () => {
    await send(1, 50)
    await host.get('/api/settings', {
      method: 'PATCH',
      body: JSON.stringify({ 'retention.logs.days': 3, 'retention.traces.days': 9 }),
      headers: { 'content-type': 'application/json' },
    })
    const made = await done<{ name: string; rows: object }>(await post<Job>('/api/backups', { kind: 'full' }))
    expect(made.rows).toEqual({ traces: 50, logs: 0, metrics: 0 })
    name = made.name
    const content = await post<BackupContent>('/api/backups/inspect', { target: 'local', name })
    expect(content).toMatchObject({
      kind: 'full',
      engine,
      services: ['shop'],
      hasConfig: true,
      encrypted: false,
    })
    expect(content.days.reduce((sum, { rows }) => sum + rows, 0)).toBe(50)
    await done(await post<Job>('/api/backups/verify', { target: 'local', name, deep: true }))
    const list = await host.get<BackupsAnswer>('/api/backups')
    expect(list.items).toMatchObject([{ name, kind: 'full', missing: null, problem: null }])
    expect(list.items[0].provenAt).toBeGreaterThan(0)
    expect(list.lastGood?.name).toBe(name)
  })

  it('plans, then restores in place of what is there, carrying over what comes meanwhile, and undoes it', async () => {
    await send(1001, 20)
    await host.get('/api/settings', {
      method: 'PATCH',
      body: JSON.stringify({ 'retention.logs.days': 5, 'retention.traces.days': 9, 'pipeline.paused': false }),
      headers: { 'content-type': 'application/json' },
    })
    const order = { target: 'local', name, mode: 'replace' }
    const plan = await post<RestorePlan>('/api/backups/plan', order)
    expect(plan).toMatchObject({ mode: 'replace', destructive: true, removed: { traces: 70, logs: 0 } })
    // Written anew is not changed: both lists say the same.
    expect(plan.settings).toMatchObject([
      { key: 'retention.logs.days', now: 5, restored: 3 },
      { key: 'pipeline.paused', now: false, restored: false },
    ])
    expect(plan.config.find(({ table }) => table === 'setting')).toMatchObject({ added: 0, changed: 1, removed: 1 })
    const result = await done<{ restore: string; counts: object; verified: boolean }>(
      await post<Job>('/api/backups/restore', order),
    )
    expect(result).toMatchObject({ counts: { spans: 50 }, verified: engine === 'sqlite' })
    expect(await ids()).toEqual(range(1, 50))
    const settings = await host.get<Record<string, { value: unknown }>>('/api/settings')
    expect(settings['retention.logs.days'].value).toBe(3)
    // What is stored later goes on in the new file.
    await send(2001, 5)
    expect(await ids()).toEqual([...range(1, 50), ...range(2001, 5)])
    await done(await post<Job>('/api/backups/undo', { restore: result.restore }))
    expect(await ids()).toEqual([...range(1, 50), ...range(1001, 20)])
    const list = await host.get<BackupsAnswer>('/api/backups')
    expect(list.restores.find(({ id }) => id === result.restore)).toMatchObject({ undone: true, undoUntil: null })
    expect(readdirSync(join(host.dataDir, 'restore'))).toEqual([])
    // Nothing can be added to a backup of another file: the next one is full. The database is still the same one, with
    // all rows new to it.
    const next = await done<{ kind: string; name: string }>(await post<Job>('/api/backups', { kind: 'incremental' }))
    expect(next).toMatchObject({ kind: engine === 'sqlite' ? 'full' : 'incremental', rows: { traces: 70 } })
    await done(await post<Job>('/api/backups/verify', { target: 'local', name: next.name, deep: true }))
    await post('/api/backups/remove', { target: 'local', name: next.name })
  })

  it('backs up a part by choice and time, which proves by a test restore, is no base, and stays', async () => {
    const before = await ids()
    const from = Math.max(...before) + 1
    // Spans begin a µs before they are sent.
    const start = String(Date.now() * 1000 - 1)
    await send(from, 7)
    const content = { traces: true, logs: false, metrics: false, settings: false, start }
    const made = await done<{ name: string; kind: string; rows: object }>(await post<Job>('/api/backups', { content }))
    expect(made).toMatchObject({ kind: 'part', rows: { traces: 7, logs: 0, metrics: 0 } })
    const ref = { target: 'local', name: made.name }
    expect(await post<BackupContent>('/api/backups/inspect', ref)).toMatchObject({ kind: 'part', hasConfig: false })
    await done(await post<Job>('/api/backups/verify', { ...ref, deep: true }))
    // In place of what is there it takes that of its own signals and time, and nothing else.
    await send(from + 7, 3)
    const order = { ...ref, mode: 'replace', select: { config: false } }
    const plan = await post<RestorePlan>('/api/backups/plan', order)
    expect(plan).toMatchObject({ destructive: true, removed: { traces: 10, logs: 0, metrics: 0 } })
    expect(plan.warnings.join()).toContain('Only traces from')
    await done(await post<Job>('/api/backups/restore', order))
    expect(await ids()).toEqual([...before, ...range(from, 7)])
    expect((await host.get<BackupsAnswer>('/api/backups')).lastGood?.name).not.toBe(made.name)
    await expect(
      post('/api/backups', { content: { traces: false, logs: false, metrics: false, settings: false } }),
    ).rejects.toThrow('chooses nothing')
    await post('/api/backups/remove', ref)
  })

  it('compacts as a job that tells what it did', async () => {
    const before = await ids()
    const job = await post<Job>('/api/storage/compact', {})
    const { before: bytes, after } = await done<{ before: number; after: number }>(job)
    expect(bytes).toBeGreaterThan(0)
    expect(after).toBeGreaterThan(0)
    const ended = await host.get<Job>(`/api/jobs/${job.id}`)
    expect(ended).toMatchObject({ kind: 'compact', progress: { phase: 'compact', unit: 'steps' } })
    expect(ended.log.map(({ text }) => text).join()).toMatch(/^\d+ blocks became \d+;/)
    expect(await ids()).toEqual(before)
  })

  it('merges without storing anything twice, however often', async () => {
    const before = await ids()
    const order = { target: 'local', name, mode: 'merge', select: { config: false } }
    expect((await done<{ counts: object }>(await post<Job>('/api/backups/restore', order))).counts).toMatchObject({
      spans: 0,
    })
    expect(await ids()).toEqual(before)
  })

  it.runIf(engine === 'sqlite')(
    'refuses two restores at once, names that lead elsewhere, and files that are no archives',
    async () => {
      const order = { target: 'local', name, mode: 'merge', select: { config: false } }
      const first = await post<Job>('/api/backups/restore', order)
      await expect(post('/api/backups/restore', order)).rejects.toThrow('job_running')
      await done(first)
      for (const bad of ['../glassbox.db', '/etc/passwd', 'glassbox.db', '..%2f..%2fetc', `${name}/../../x`])
        await expect(post('/api/backups/inspect', { target: 'local', name: bad })).rejects.toThrow('archive_not_found')
      const upload = (body: string | Buffer, file: string) =>
        host.get<{ name: string }>(`/api/backups/upload?name=${encodeURIComponent(file)}`, {
          method: 'POST',
          body: body as string,
          headers: { 'content-type': 'application/octet-stream' },
        })
      await expect(upload('not an archive', 'x.glassbox')).rejects.toThrow('archive_damaged')
      const bytes = readFileSync(join(host.dataDir, 'backups', name))
      expect(await upload(bytes, '../../evil.glassbox')).toEqual({ target: 'local', name })
      const partials = readdirSync(join(host.dataDir, 'backups')).filter((file) => file.endsWith('.partial'))
      expect(partials).toEqual([])
    },
  )

  it.runIf(engine === 'sqlite')('encrypts with a key file, and tells what opens an archive', async () => {
    const keyFile = Buffer.alloc(32, 7).toString('base64')
    const made = await done<{ name: string }>(await post<Job>('/api/backups', { kind: 'config', keyFile }))
    const archive = { target: 'local', name: made.name }
    await expect(post('/api/backups/inspect', archive)).rejects.toThrow('archive_password')
    const other = Buffer.alloc(32, 8).toString('base64')
    for (const wrong of [{ keyFile: other }, { password: 'a password' }])
      await expect(post('/api/backups/verify', { ...archive, ...wrong })).rejects.toThrow('archive_password')
    expect(await post<BackupContent>('/api/backups/inspect', { ...archive, keyFile })).toMatchObject({
      encrypted: true,
      hasConfig: true,
    })
    await expect(post('/api/backups/inspect', { ...archive, keyFile: 'c2hvcnQ=' })).rejects.toThrow('bad_request')
    const { runs } = await host.get<BackupsAnswer>('/api/backups')
    expect(runs[0]).toMatchObject({ kind: 'config', ok: true, missed: null })
    expect(runs[0].seconds).toBeGreaterThan(0)
  })

  it.runIf(engine === 'sqlite')('makes up for a run that was missed while it was off, and says for which', async () => {
    const late = await startTestHost({ 'backup.enabled': true, 'backup.verify.enabled': false }, undefined, {
      prepare: async (dataDir) => {
        mkdirSync(join(dataDir, 'backups'))
        const now = Date.now() * 1000
        const lastRuns = { full: now, incremental: now, config: now - 86_400e6 }
        writeFileSync(join(dataDir, 'backups', 'state.json'), JSON.stringify({ lastRuns }))
      },
    })
    try {
      await expect
        .poll(async () => (await late.get<BackupsAnswer>('/api/backups')).runs.length, { timeout: 60_000 })
        .toBe(1)
      const { runs } = await late.get<BackupsAnswer>('/api/backups')
      expect(runs).toMatchObject([{ kind: 'config', schedule: 'config', ok: true }])
      expect((runs[0].at - (runs[0].missed ?? 0)) / 3_600e6).toBeGreaterThan(19)
    } finally {
      await late.stop()
    }
  })

  it.runIf(engine === 'sqlite')('runs nothing twice when the clock was set back, and says so', async () => {
    const ahead = await startTestHost({ 'backup.enabled': true, 'backup.verify.enabled': false }, undefined, {
      prepare: async (dataDir) => {
        mkdirSync(join(dataDir, 'backups'))
        const later = (Date.now() + 3 * 86_400_000) * 1000
        const lastRuns = { full: later, incremental: later, config: later }
        writeFileSync(join(dataDir, 'backups', 'state.json'), JSON.stringify({ lastRuns }))
      },
    })
    try {
      const list = await ahead.get<BackupsAnswer>('/api/backups')
      expect(list.attention).toContain('the clock was set back')
      expect([list.runs, (await ahead.get<{ items: Job[] }>('/api/jobs')).items]).toEqual([[], []])
    } finally {
      await ahead.stop()
    }
  })

  it.runIf(engine === 'sqlite')('keeps passwords of targets to itself', async () => {
    const address = 's3://KEY:very-secret@127.0.0.1:1/bucket?tls=0'
    await host.get('/api/settings', {
      method: 'PATCH',
      body: JSON.stringify({ 'backup.targets': [{ name: 'cloud', address }], 'backup.password': 'hidden one' }),
      headers: { 'content-type': 'application/json' },
    })
    const shown = JSON.stringify([await host.get('/api/settings'), await host.get('/api/backups')])
    expect(shown).not.toContain('very-secret')
    expect(shown).not.toContain('hidden one')
    const bytes = readdirSync(host.dataDir)
      .filter((file) => file.startsWith('glassbox.db'))
      .map((file) => readFileSync(join(host.dataDir, file)))
    expect(Buffer.concat(bytes).includes('very-secret')).toBe(false)
    // What comes back as it was shown stays what it is.
    await host.get('/api/settings', {
      method: 'PATCH',
      body: JSON.stringify({ 'backup.targets': [{ name: 'cloud', address: 's3://KEY:***@127.0.0.1:1/bucket?tls=0' }] }),
      headers: { 'content-type': 'application/json' },
    })
    const list = await host.get<BackupsAnswer>('/api/backups?target=cloud')
    expect(list.targets[0]).toMatchObject({ name: 'cloud', kind: 's3' })
    expect(list.targets[0].error).toContain('127.0.0.1')
    const tested = await post<{ ok: boolean }>('/api/backups/targets/test', { name: 'cloud' })
    expect(tested.ok).toBe(false)
  })
})
