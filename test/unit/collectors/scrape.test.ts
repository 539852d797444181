import { createSocket } from 'node:dgram'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../core/base/clock.ts'
import { ScrapePool } from '../../../core/collectors/scrape/scrape-pool.ts'
import { testJob } from '../../../core/collectors/scrape/test-job.ts'
import { applySettings, defaultSettings, parseScrapeJob } from '../../../core/config/settings.ts'
import type { DecodedSamples } from '../../../core/model/decoded-samples.ts'
import { makeAuthority } from '../../fixtures/certificates.ts'

const cleaning: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean()
})

interface Written {
  name: string
  labels: Record<string, string>
  value: number
  kind: number
}

function writtenOf({ batch }: DecodedSamples): Written[] {
  return Array.from(batch.seriesOf, (series, i) => {
    const labels = Object.fromEntries(batch.series[series])
    return { name: labels.__name__, labels, value: batch.values[i], kind: batch.kinds[i] }
  })
}

/** One job at work; `next` gives what the next scrape, or stop, wrote. */
function pool(job: object) {
  const settings = applySettings(defaultSettings, {
    'collectors.scrape.jobs': [{ job: 'shop', intervalMs: 1000, timeoutMs: 500, bodySizeLimit: 10_000, ...job }],
  })
  const taken: Written[][] = []
  let wake: () => void = () => undefined
  const problems: string[] = []
  const running = new ScrapePool(settings.collectors.scrape.jobs[0], {
    defaults: settings.collectors.scrape,
    clock: systemClock,
    problem: (sentence) => problems.push(sentence),
    take: async (samples) => {
      taken.push(writtenOf(samples))
      wake()
    },
  })
  cleaning.push(() => running.stop())
  const next = async (): Promise<Written[]> => {
    while (taken.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    return taken.shift() as Written[]
  }
  const targets = () =>
    running.targets() as unknown as { activeTargets: Record<string, unknown>[]; droppedTargets: object[] }
  return { running, next, targets, problems }
}

async function target(answer: (response: ServerResponse) => void): Promise<string> {
  return listening(createServer((_request, response) => answer(response)))
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleaning.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const only = (address: string) => ({ static: [{ targets: [address] }] })

describe('a scrape', () => {
  it('writes samples with job and instance, renames clashes, and marks what is gone as stale', async () => {
    let body = 'a{job="own"} 1\nb 2\n'
    const { next } = pool(only(await target((response) => response.end(body))))
    const first = await next()
    expect(first.find(({ name }) => name === 'a')?.labels).toMatchObject({ job: 'shop', exported_job: 'own' })
    expect(first.find(({ name }) => name === 'up')?.value).toBe(1)
    body = 'b 3\n'
    const second = await next()
    expect(second.filter(({ name }) => name === 'a')).toMatchObject([{ kind: 1 }])
    expect(second.find(({ name }) => name === 'scrape_series_added')?.value).toBe(0)
  })

  it('lets scraped labels win with honorLabels, drops and renames by metricRelabel', async () => {
    const address = await target((response) => response.end('a{job="own",instance=""} 1\nb 2\ndropped 3\n'))
    const { next } = pool({
      ...only(address),
      honorLabels: true,
      metricRelabel: [
        { action: 'drop', sourceLabels: ['__name__'], regex: 'drop.*' },
        { sourceLabels: ['__name__'], regex: 'b', targetLabel: '__name__', replacement: 'renamed' },
      ],
    })
    const written = await next()
    expect(written.find(({ name }) => name === 'a')?.labels).toEqual({ __name__: 'a', job: 'own' })
    const names = written.map(({ name }) => name)
    expect(names).toContain('renamed')
    expect(names).not.toContain('dropped')
    expect(written.find(({ name }) => name === 'scrape_samples_scraped')?.value).toBe(3)
    expect(written.find(({ name }) => name === 'scrape_samples_post_metric_relabeling')?.value).toBe(2)
  })

  it('shows who asks by a password or token that stays in its file', async () => {
    const said: (string | undefined)[] = []
    const address = await target((response) => {
      said.push(response.req.headers.authorization)
      response.end('a 1\n')
    })
    const folder = mkdtempSync(join(tmpdir(), 'glassbox-secret-'))
    cleaning.push(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'secret')
    const basic = pool({ ...only(address), auth: { type: 'basic', username: 'me', file } })
    await basic.next()
    expect(basic.targets().activeTargets[0].lastError).toContain('the password cannot be read')
    expect(said).toEqual([])
    writeFileSync(file, 'pass word\n')
    await basic.next()
    const bearer = pool({ ...only(address), auth: { type: 'bearer', file } })
    await bearer.next()
    expect(new Set(said)).toEqual(new Set([`Basic ${btoa('me:pass word')}`, 'Bearer pass word']))
  })

  it('knows targets over TLS by their authority, and shows its own certificate', { timeout: 20_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'glassbox-tls-'))
    cleaning.push(() => rmSync(folder, { recursive: true }))
    const file = (name: string, content: string): string => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    }
    const authority = makeAuthority('Test authority')
    const served = authority.issue(['box.test', '127.0.0.1'])
    const own = authority.issue(['glassbox'])
    const options = { cert: served.certificate, key: served.key, ca: authority.certificate }
    const open = await listening(createSecureServer(options, (_request, response) => response.end('a 1\n')))
    const closed = await listening(
      createSecureServer({ ...options, requestCert: true }, (_request, response) => response.end('a 1\n')),
    )
    const ca = file('ca.pem', authority.certificate)
    const health = async (address: string, tls: object) => {
      const { next, targets } = pool({ ...only(address), scheme: 'https', tls })
      await next()
      return targets().activeTargets[0].lastError
    }
    expect(await health(open, {})).toMatch(/unable to verify|self-signed/)
    expect(await health(open, { caFile: ca })).toBe('')
    expect(await health(open, { insecureSkipVerify: true })).toBe('')
    expect(await health(open, { caFile: ca, serverName: 'box.test' })).toBe('')
    expect(await health(open, { caFile: ca, serverName: 'other.test' })).toContain('other.test')
    expect(await health(open, { caFile: join(folder, 'none.pem') })).toContain('TLS: the CA certificate cannot be read')
    expect(await health(closed, { caFile: ca })).not.toBe('')
    const certFile = file('own.pem', own.certificate)
    expect(await health(closed, { caFile: ca, certFile, keyFile: file('own.key', own.key) })).toBe('')
    expect(() => parseScrapeJob({ job: 'x', tls: { certFile } })).toThrow('certFile and keyFile go together')
  })

  it('reads a renewed authority at the next scrape', { timeout: 20_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'glassbox-tls-'))
    cleaning.push(() => rmSync(folder, { recursive: true }))
    const caFile = join(folder, 'ca.pem')
    const [old, renewed] = [makeAuthority('Test authority'), makeAuthority('Test authority')]
    writeFileSync(caFile, old.certificate)
    const { certificate, key } = renewed.issue(['127.0.0.1'])
    const address = await listening(
      createSecureServer({ cert: certificate, key }, (_request, response) => response.end('a 1\n')),
    )
    const { next } = pool({ ...only(address), scheme: 'https', tls: { caFile } })
    const up = async () => (await next()).find(({ name }) => name === 'up')?.value
    expect(await up()).toBe(0)
    writeFileSync(caFile, renewed.certificate)
    let now = await up()
    while (now !== 1) now = await up()
  })

  it('asks through a proxy, by its address over http and by a tunnel over https', { timeout: 20_000 }, async () => {
    const said: string[] = []
    const authority = makeAuthority('Test authority')
    const { certificate, key } = authority.issue(['127.0.0.1'])
    const secure = await listening(
      createSecureServer({ cert: certificate, key }, (_request, response) => response.end('a 1\n')),
    )
    const proxy = createServer((request, response) => {
      said.push(`${request.method} ${request.url}`)
      response.end('a 1\n')
    })
    proxy.on('connect', (request, socket) => {
      said.push(`${request.method} ${request.url}`)
      const [host, port] = (request.url ?? '').split(':')
      const onward = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        onward.pipe(socket).pipe(onward)
      })
      for (const one of [socket, onward]) one.on('error', () => undefined)
    })
    const proxyUrl = `http://${await listening(proxy)}`
    const plain = pool({ ...only('box.test:9100'), proxyUrl })
    expect((await plain.next()).find(({ name }) => name === 'up')?.value).toBe(1)
    const tunnel = pool({ ...only(secure), scheme: 'https', proxyUrl, tls: { insecureSkipVerify: true } })
    expect((await tunnel.next()).find(({ name }) => name === 'up')?.value).toBe(1)
    expect(new Set(said)).toEqual(new Set(['GET http://box.test:9100/metrics', `CONNECT ${secure}`]))
    expect(() => parseScrapeJob({ job: 'x', proxyUrl: 'socks5://a:1' })).toThrow('no address of a proxy')
  })

  it('is tried once for a test of its job, which stores nothing and says what each target gave', async () => {
    const address = await target((response) => response.end('a 1\nb 2\n'))
    const job = parseScrapeJob({
      job: 'shop',
      static: [{ targets: [address, '127.0.0.1:9'] }, { targets: ['unwanted:1'], labels: { env: 'test' } }],
      relabel: [{ sourceLabels: ['env'], regex: 'test', action: 'drop' }],
    })
    const trial = await testJob(job, { intervalMs: 15_000, timeoutMs: 5000 })
    expect(trial.targets).toMatchObject([
      { url: `http://${address}/metrics`, health: 'up', samples: 2, error: '', labels: { job: 'shop' } },
      { url: 'http://127.0.0.1:9/metrics', health: 'down', samples: 0 },
    ])
    expect(trial.targets[1].error).not.toBe('')
    expect(trial.dropped).toMatchObject([{ labels: { __address__: 'unwanted:1', env: 'test' }, why: '' }])
    expect(() => parseScrapeJob({ job: 'x', relabel: [{ regex: '(' }] })).toThrow('relabel.0')
  })

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['hangs', () => undefined, 'no whole answer within 500 ms'],
    ['stops in the middle', (response) => response.writeHead(200).write('a 1\n'), 'no whole answer within 500 ms'],
    ['sends garbage', (response) => response.end('{"a":1}'), 'line 1'],
    ['sends bytes', (response) => response.end(Buffer.from([0, 255, 254, 10, 3, 10])), 'line 1'],
    [
      'sends a gzip bomb',
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(1e7, '# \n'))),
      'larger than 10000 bytes',
    ],
    ['answers 500', (response) => response.writeHead(500).end(), 'HTTP status 500'],
    ['lies about its length', (response) => response.writeHead(200, { 'content-length': 99 }).write('a 1\n'), '500 ms'],
    ['sends elsewhere', (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'redirect'],
  ])('shows a target that %s as down, with the reason', async (_what, answer, why) => {
    const { next, targets } = pool(only(await target(answer)))
    const written = await next()
    expect(written.find(({ name }) => name === 'up')?.value).toBe(0)
    expect(targets().activeTargets[0]).toMatchObject({ health: 'down' })
    expect(targets().activeTargets[0].lastError).toContain(why)
  })

  it('cuts off a target that sends a gigabyte, having read little of it', async () => {
    let sent = 0
    const chunk = Buffer.alloc(64 * 1024, '# filler\n')
    const server = createNetServer((socket) => {
      socket.on('error', () => undefined)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n')
      const pour = (): void => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length
      }
      socket.on('drain', pour)
      pour()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleaning.push(() => server.close())
    const { next, targets } = pool(only(`127.0.0.1:${(server.address() as AddressInfo).port}`))
    expect((await next()).find(({ name }) => name === 'up')?.value).toBe(0)
    expect(targets().activeTargets[0].lastError).toContain('larger than 10000 bytes')
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it('fails whole beyond the sample limit and for series without a name', async () => {
    const many = pool({ ...only(await target((response) => response.end('a 1\nb 2\n'))), sampleLimit: 1 })
    expect((await many.next()).map(({ name }) => name)).not.toContain('a')
    expect(many.targets().activeTargets[0].lastError).toContain('sample limit exceeded: 2')
    const address = await target((response) => response.end('a 1\n'))
    const nameless = pool({ ...only(address), metricRelabel: [{ action: 'labeldrop', regex: '__name__' }] })
    await nameless.next()
    expect(nameless.targets().activeTargets[0].lastError).toContain('no_metric_name')
  })
})

describe('discovery', () => {
  it('follows files: targets come, keep their labels, and end stale when they are taken out', {
    timeout: 20_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'glassbox-sd-'))
    cleaning.push(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'shop.json')
    const put = (content: unknown): void => {
      writeFileSync(`${file}.new`, JSON.stringify(content))
      renameSync(`${file}.new`, file)
    }
    const address = await target((response) => response.end('a 1\n'))
    put([{ targets: [address], labels: { zone: 'eu' } }])
    writeFileSync(join(folder, 'more.yml'), `- targets: ['box:1']\n  labels:\n    gone: 'yes'\n`)
    const { next, targets, problems } = pool({
      files: [join(folder, '*.json'), join(folder, '*.yml')],
      relabel: [{ action: 'drop', sourceLabels: ['gone'], regex: 'yes' }],
    })
    const first = await next()
    expect(first.find(({ name }) => name === 'a')?.labels).toEqual({
      __name__: 'a',
      job: 'shop',
      instance: address,
      zone: 'eu',
    })
    expect(targets().activeTargets[0].discoveredLabels).toMatchObject({ __meta_filepath: file, __address__: address })
    expect(targets().droppedTargets).toMatchObject([{ discoveredLabels: { __address__: 'box:1' } }])
    put([])
    let last = await next()
    while (!last.some(({ name, kind }) => name === 'up' && kind === 1)) last = await next()
    expect(last.filter(({ kind }) => kind !== 1)).toEqual([])
    expect(last.map(({ name }) => name)).toContain('a')
    expect(targets().activeTargets).toEqual([])
    writeFileSync(file, '[{')
    while (problems.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(problems[0]).toContain('left as it was')
  })

  it('asks DNS for A and SRV records', { timeout: 20_000 }, async () => {
    const address = await target((response) => response.end('a 1\n'))
    const port = Number(address.split(':')[1])
    const server = createSocket('udp4')
    server.on('message', (question, peer) => server.send(dnsAnswer(question, port), peer.port, peer.address))
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
    cleaning.push(() => server.close())
    const servers = [`127.0.0.1:${server.address().port}`]
    const { next, targets } = pool({
      dns: [
        { names: ['box.test'], type: 'A', port, servers },
        { names: ['_shop._tcp.test'], type: 'SRV', servers },
      ],
    })
    const written = await next()
    expect(written.find(({ name }) => name === 'up')?.labels.instance).toMatch(/^(127\.0\.0\.1|box\.test):\d+$/)
    while (targets().activeTargets.length < 2) await new Promise((resolve) => setImmediate(resolve))
    const found = targets().activeTargets.map(({ labels, discoveredLabels }) => [
      (labels as Record<string, string>).instance,
      (discoveredLabels as Record<string, string>).__meta_dns_name,
    ])
    expect(found.sort()).toEqual([
      [`127.0.0.1:${port}`, 'box.test'],
      [`box.test:${port}`, '_shop._tcp.test'],
    ])
  })
})

/** 127.0.0.1 to a question for an address, `box.test` and the port to one for a service (RFC 1035, 2782). */
function dnsAnswer(question: Buffer, port: number): Buffer {
  let end = 12
  while (question[end] !== 0) end += question[end] + 1
  const type = question.readUInt16BE(end + 1)
  const header = Buffer.from(question.subarray(0, 12))
  header.writeUInt16BE(0x8180, 2)
  header.writeUInt16BE(1, 6)
  header.writeUInt32BE(0, 8)
  const name = Buffer.from('\x03box\x04test\0', 'latin1')
  const service = Buffer.alloc(6)
  service.writeUInt16BE(port, 4)
  const data = type === 33 ? Buffer.concat([service, name]) : Buffer.from([127, 0, 0, 1])
  const record = Buffer.alloc(12)
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(type, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(60, 6)
  record.writeUInt16BE(data.length, 10)
  return Buffer.concat([header, question.subarray(12, end + 5), record, data])
}
