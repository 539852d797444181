import * as grpc from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { StatusAnswer } from '../../../core/api/contract/shapes.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send } from './raw-http.ts'

const EMPTY = '{"resourceSpans":[]}'
const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const asIs = (bytes: Buffer): Buffer => bytes
let host: RunningHost
const local = (address: string) => address.replace('0.0.0.0', '127.0.0.1')

beforeAll(async () => {
  host = await startTestHost({ 'server.host': '0.0.0.0' }, undefined, { token: 'right-token' })
})
afterAll(() => host.stop())

it.each([
  [undefined, 401],
  ['Bearer wrong', 401],
  ['right-token', 401],
  ['Bearer right-token-and-more', 401],
  ['Bearer right-token', 200],
  ['bearer right-token', 200],
])('a host others can reach answers Authorization %j with %i', async (authorization, expected) => {
  const headers = { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) }
  const answer = await send(local(host.otlp), '/v1/traces', { headers, body: EMPTY })
  expect(answer.status).toBe(expected)
  if (expected === 401) expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 16 })
})

it.each([
  [undefined, grpc.status.UNAUTHENTICATED],
  ['Bearer wrong', grpc.status.UNAUTHENTICATED],
  ['Bearer right-token', grpc.status.OK],
])('and over gRPC %j with code %i', async (authorization, expected) => {
  const client = new grpc.Client(new URL(local(host.otlpGrpc)).host, grpc.credentials.createInsecure())
  const metadata = new grpc.Metadata()
  if (authorization) metadata.set('authorization', authorization)
  const code = await new Promise((resolve) =>
    client.makeUnaryRequest(TRACES, asIs, asIs, Buffer.alloc(0), metadata, (error) => resolve(error?.code ?? 0)),
  )
  client.close()
  expect(code).toBe(expected)
})

it('tells the intake doctor, and refuses a foreign Host still', async () => {
  const { intake } = await startedStatus()
  expect(intake.findings.filter(({ kind }) => kind === 'unauthorized').length).toBeGreaterThan(0)
  const headers = { 'content-type': 'application/json', authorization: 'Bearer right-token', host: 'evil.example' }
  expect((await send(local(host.otlp), '/v1/traces', { headers, body: EMPTY })).status).toBe(403)
})

async function startedStatus(): Promise<StatusAnswer> {
  const answer = await fetch(`${local(host.api)}/api/status`, { headers: { authorization: `Bearer ${host.token}` } })
  expect(answer.status).toBe(200)
  return (await answer.json()) as StatusAnswer
}

it('refuses a setting that would let others in without a fixed token, at once and not at the next start', async () => {
  const own = await startTestHost()
  const change = (host: RunningHost, body: object) =>
    host.get('/api/settings', {
      method: 'PATCH',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
  try {
    await expect(change(own, { 'server.host': '0.0.0.0' })).rejects.toThrow('no token was given')
    const yaml = JSON.stringify({ yaml: 'server:\n  host: 0.0.0.0\n', apply: true })
    const headers = { 'content-type': 'application/json' }
    await expect(own.get('/api/settings/import', { method: 'POST', body: yaml, headers })).rejects.toThrow('no token')
    const { 'server.host': now } = await own.get<Record<string, { value: unknown }>>('/api/settings')
    expect(now.value).toBe('127.0.0.1')
    await change(own, { 'server.host': '::1' })
  } finally {
    await own.stop()
  }
})
